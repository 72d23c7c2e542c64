"""What a user does to runs: name, notes, tags, archive, delete, and undo."""

from collections.abc import Sequence

import streamlit as st

from pages.compare import choose_runs
from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_store
from s2s.errors import UserError
from s2s.formatting import run_label
from s2s.records import Run

_CHANGED = "changed"


def run_changes(runs: Sequence[Run]) -> None:
    """Choose some of `runs`, archived ones too, then describe, archive or delete them."""
    by_id = {run.id: run for run in runs}
    known = [run_id for run_id in st.session_state.get(_CHANGED, []) if run_id in by_id]
    st.session_state[_CHANGED] = known
    ids = st.multiselect(
        "Runs to change",
        list(by_id),
        key=_CHANGED,
        format_func=lambda each: run_label(by_id[each]),
        placeholder="Choose one, or several to tag, archive or delete together",
    )
    changed = [by_id[run_id] for run_id in ids]
    if not changed:
        return
    tags = sorted({tag for run in runs for tag in run.tags})
    if len(changed) == 1:
        _describe(changed[0], tags)
    else:
        _tag(changed, tags)
    _put_away(changed)


def deleted_runs() -> None:
    """A line for each deleted run with the button that brings it back."""
    for run in get_store().deleted_runs():
        with st.container(horizontal=True, vertical_alignment="center", key=f"deleted_{run.id}"):
            st.markdown(
                f":material/delete: Deleted **{escape(run_label(run))}** "
                ":gray[(gone for good when the dashboard is started again)]",
                width="content",
            )
            st.button("Undo", key=f"undo_{run.id}", on_click=catch_errors(_restore), args=(run.id,))


def _describe(run: Run, tags: Sequence[str]) -> None:
    with st.form(f"describe_{run.id}", border=False):
        left, right = st.columns(2)
        name = left.text_input("Name", run.name, max_chars=80)
        chosen = right.multiselect(
            "Tags",
            tags,
            run.tags,
            accept_new_options=True,
            placeholder="Choose some, or type a new one",
        )
        notes = st.text_area("Notes", run.notes, max_chars=5000, height=100)
        if st.form_submit_button("Save", icon=":material/save:"):
            try:
                get_store().rename_run(run.id, name)
            except UserError as error:
                st.error(escape(error))
            else:
                get_store().describe_run(run.id, notes, chosen)
                st.rerun()


def _tag(runs: Sequence[Run], tags: Sequence[str]) -> None:
    with st.form("tag_several", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            added = st.multiselect(
                "Tags to add",
                tags,
                accept_new_options=True,
                placeholder="Choose some, or type a new one",
            )
            saved = st.form_submit_button("Add", icon=":material/save:")
        if saved and added:
            for run in runs:
                get_store().describe_run(run.id, run.notes, [*run.tags, *added])
            st.rerun()


def _put_away(runs: Sequence[Run]) -> None:
    over = all(run.state.is_finished() for run in runs)
    help_ = None if over else "A run can be archived or deleted once it has ended."
    listed = [run.id for run in runs if run.archived_at is None]
    archived = [run.id for run in runs if run.archived_at is not None]
    every = [run.id for run in runs]
    with st.container(horizontal=True):
        if listed:
            st.button(
                "Archive", icon=":material/archive:", disabled=not over, on_click=catch_errors(_try),
                args=("archive_run", listed),
                help=help_ or "Out of the lists; everything is kept.",
            )  # fmt: skip
        if archived:
            st.button(
                "Out of the archive", icon=":material/unarchive:", on_click=catch_errors(_try),
                args=("archive_run", archived, False),
            )  # fmt: skip
        st.button(
            "Delete", icon=":material/delete:", disabled=not over, on_click=catch_errors(_try),
            args=("delete_run", every),
            help=help_ or "Can be undone until the dashboard is started again.",
        )  # fmt: skip


def _restore(run_id: int) -> None:
    _try("restore_run", [run_id])
    choose_runs.choose_too(run_id)


def _try(method: str, run_ids: Sequence[int], *more: bool) -> None:
    """Of the store, for each run; another tab or process may have been faster."""
    for run_id in run_ids:
        try:
            getattr(get_store(), method)(run_id, *more)
        except UserError as error:
            st.error(escape(error))
