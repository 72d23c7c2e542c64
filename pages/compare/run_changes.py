"""Changes to runs: name, notes, tags, archive, delete and undo."""

import functools
from collections.abc import Callable, Sequence

import streamlit as st

from pages.compare.select_runs import add_to_selection
from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_store
from s2s.errors import UserError
from s2s.formatting import format_run_label
from s2s.records import Run

_SELECTED = "changed"
_TAG_PLACEHOLDER = "Select or type a tag"


def run_changes(runs: Sequence[Run]) -> None:
    """Let the user select some runs, and describe, archive or delete them."""
    by_id = {run.id: run for run in runs}
    existing = [run_id for run_id in st.session_state.get(_SELECTED, []) if run_id in by_id]
    st.session_state[_SELECTED] = existing
    ids = st.multiselect(
        "Runs to change", list(by_id), key=_SELECTED,
        format_func=lambda each: format_run_label(by_id[each]),
        placeholder="Select one, or several to tag, archive or delete together",
    )  # fmt: skip
    selected = [by_id[run_id] for run_id in ids]
    if not selected:
        return
    tags = sorted({tag for run in runs for tag in run.tags})
    if len(selected) == 1:
        _description_form(selected[0], tags)
    else:
        _tag_form(selected, tags)
    _archive_and_delete_buttons(selected)


def restorable_runs() -> None:
    """Show each deleted run with its Undo button."""
    for run in get_store().deleted_runs():
        with st.container(horizontal=True, vertical_alignment="center", key=f"deleted_{run.id}"):
            st.markdown(
                f":material/delete: Deleted **{escape(format_run_label(run))}** "
                ":gray[(can be undone until the dashboard restarts)]",
                width="content",
            )
            st.button("Undo", key=f"undo_{run.id}", on_click=catch_errors(_restore), args=(run.id,))


def _description_form(run: Run, tags: Sequence[str]) -> None:
    with st.form(f"describe_{run.id}", border=False):
        left, right = st.columns(2)
        name = left.text_input("Name", run.name, max_chars=80)
        selected = right.multiselect(
            "Tags", tags, run.tags, accept_new_options=True, placeholder=_TAG_PLACEHOLDER,
        )  # fmt: skip
        notes = st.text_area("Notes", run.notes, max_chars=5000, height=100)
        if st.form_submit_button("Save", icon=":material/save:", key="save_description"):
            try:
                get_store().rename_run(run.id, name)
            except UserError as error:
                st.error(escape(error))
            else:
                get_store().describe_run(run.id, notes, selected)
                st.rerun()


def _tag_form(runs: Sequence[Run], tags: Sequence[str]) -> None:
    with st.form("tag_several", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            added = st.multiselect(
                "Tags to add", tags, key="added_tags", accept_new_options=True,
                placeholder=_TAG_PLACEHOLDER,
            )  # fmt: skip
            is_saved = st.form_submit_button("Add", icon=":material/save:", key="save_tags")
        if is_saved and added:
            for run in runs:
                get_store().describe_run(run.id, run.notes, [*run.tags, *added])
            st.rerun()


def _archive_and_delete_buttons(runs: Sequence[Run]) -> None:
    store = get_store()
    listed = [run.id for run in runs if run.archived_at is None]
    archived = [run.id for run in runs if run.archived_at is not None]
    is_training = not all(run.state.has_ended() for run in runs)

    def button(
        label: str, icon: str, help_: str | None, change: Callable[[int], None], ids: list[int]
    ) -> None:
        st.button(
            label, key=label.lower(), icon=f":material/{icon}:", disabled=is_training,
            help="Available once all selected runs have ended." if is_training else help_,
            on_click=catch_errors(_apply), args=(change, ids),
        )  # fmt: skip

    with st.container(horizontal=True):
        if listed:
            hint = "Hides the runs from lists and keeps everything."
            button("Archive", "archive", hint, store.archive_run, listed)
        if archived:
            unarchive = functools.partial(store.archive_run, archived=False)
            button("Unarchive", "unarchive", None, unarchive, archived)
        hint = "Can be undone until the dashboard restarts."
        button("Delete", "delete", hint, store.delete_run, [run.id for run in runs])


def _restore(run_id: int) -> None:
    _apply(get_store().restore_run, [run_id])
    add_to_selection(run_id)


def _apply(change: Callable[[int], None], run_ids: Sequence[int]) -> None:
    for run_id in run_ids:
        try:
            change(run_id)
        except UserError as error:  # changed in another tab or process in the meantime
            st.error(escape(error))
