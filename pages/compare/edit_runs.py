"""Controls that edit runs: name, notes, tags, archive, delete and undo."""

import functools
from collections.abc import Callable, Sequence

import streamlit as st

from pages.shared.errors import call_for_each, catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_store
from s2s.formatting import format_run_label
from s2s.records import Run

COMPARED_KEY = "compared"
"""Session-state key of the ids of the compared runs."""
_EDITED_KEY = "changed"
"""Session-state key of the ids of the runs to edit."""
_TAG_PLACEHOLDER = "Select or type a tag"


def edit_runs(runs: Sequence[Run]) -> None:
    """Let the user select runs, and rename, annotate, tag, archive or delete them.

    Raises:
        UserError: A new name is invalid.
    """
    by_id = {run.id: run for run in runs}
    previous_ids = st.session_state.get(_EDITED_KEY, [])
    st.session_state[_EDITED_KEY] = [run_id for run_id in previous_ids if run_id in by_id]
    ids = st.multiselect(
        "Runs to edit", list(by_id), key=_EDITED_KEY,
        format_func=lambda each: format_run_label(by_id[each]),
        placeholder="Select one run, or several to tag, archive or delete together",
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


def show_deleted_runs() -> None:
    """Show each deleted run with an Undo button."""
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
        new_tags = right.multiselect(
            "Tags", tags, run.tags, accept_new_options=True, placeholder=_TAG_PLACEHOLDER,
        )  # fmt: skip
        notes = st.text_area("Notes", run.notes, max_chars=5000, height=100)
        if st.form_submit_button("Save", icon=":material/save:", key="save_description"):
            get_store().rename_run(run.id, name)
            get_store().annotate_run(run.id, notes, new_tags)
            st.rerun()


def _tag_form(runs: Sequence[Run], tags: Sequence[str]) -> None:
    with st.form("tag_several", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            new_tags = st.multiselect(
                "Tags to add", tags, key="added_tags", accept_new_options=True,
                placeholder=_TAG_PLACEHOLDER,
            )  # fmt: skip
            is_submitted = st.form_submit_button("Add", icon=":material/save:", key="save_tags")
        if is_submitted and new_tags:
            for run in runs:
                get_store().annotate_run(run.id, run.notes, [*run.tags, *new_tags])
            st.rerun()


def _archive_and_delete_buttons(runs: Sequence[Run]) -> None:
    store, all_ids = get_store(), [run.id for run in runs]
    archived_ids = [run.id for run in runs if run.archived_at is not None]
    other_ids = [run_id for run_id in all_ids if run_id not in archived_ids]
    unarchive = functools.partial(store.archive_run, archived=False)
    buttons: list[tuple[str, str | None, Callable[[int], None], list[int]]] = [
        ("Archive", "Hides the runs in lists. Nothing is deleted.", store.archive_run, other_ids),
        ("Unarchive", None, unarchive, archived_ids),
        ("Delete", "You can undo this until the dashboard restarts.", store.delete_run, all_ids),
    ]
    all_ended = all(run.state.has_ended() for run in runs)
    with st.container(horizontal=True):
        for label, help_, action, run_ids in buttons:
            name = label.lower()
            if run_ids:
                st.button(
                    label, key=name, icon=f":material/{name}:", disabled=not all_ended,
                    help=help_ if all_ended else "Available when all selected runs have ended.",
                    on_click=call_for_each, args=(action, run_ids),
                )  # fmt: skip


def _restore(run_id: int) -> None:
    get_store().restore_run(run_id)
    ids = [*st.session_state.get(COMPARED_KEY, []), run_id]
    st.session_state[COMPARED_KEY] = list(dict.fromkeys(ids))  # without duplicates
