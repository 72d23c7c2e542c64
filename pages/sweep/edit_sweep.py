"""Controls that edit a sweep: name, notes, delete and undo."""

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_store
from pages.shared.sweeps import SELECTED_KEY, format_sweep_label
from s2s.errors import UserError
from s2s.formatting import format_bytes
from s2s.paths import folder_bytes, run_folder
from s2s.records import Sweep, SweepState
from s2s.store.sweeps import annotate_sweep, delete_sweep, read_deleted_sweeps, restore_sweep


def edit_sweep(sweep: Sweep) -> None:
    """Let the user rename, annotate or delete the sweep."""
    with st.form(f"describe_sweep_{sweep.id}", border=False):
        name = st.text_input("Name", sweep.name, max_chars=80)
        notes = st.text_area("Notes", sweep.notes, max_chars=5000, height=100)
        if st.form_submit_button("Save", icon=":material/save:", key="save_sweep"):
            annotate_sweep(get_store(), sweep.id, name, notes)
            st.rerun()
    is_running = sweep.state is SweepState.RUNNING
    if st.button(
        "Delete", icon=":material/delete:", key="delete_sweep", disabled=is_running,
        help="Stop the sweep before deleting it." if is_running else None,
    ):  # fmt: skip
        _confirm_deletion(sweep)


def show_deleted_sweeps() -> None:
    """Show each deleted sweep with an Undo button."""
    for sweep in read_deleted_sweeps(get_store()):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":material/delete: Deleted **{escape(format_sweep_label(sweep))}** with its "
                f"{_format_run_count(sweep)} :gray[(can be undone until the dashboard restarts)]",
                width="content",
            )
            restore = catch_errors(_restore)
            st.button("Undo", key=f"undo_sweep_{sweep.id}", on_click=restore, args=(sweep.id,))


@st.dialog("Delete this sweep?")
def _confirm_deletion(sweep: Sweep) -> None:
    disk_bytes = sum(folder_bytes(run_folder(part.run.id)) for part in sweep.parts if part.run)
    runs = _format_run_count(sweep)
    st.write(
        f"This deletes sweep {sweep.id} **and its {runs}** with their records and weights "
        f"({format_bytes(disk_bytes)}). You can undo this until the dashboard restarts."
    )
    if st.button(
        f"Delete sweep {sweep.id} and its {runs}", icon=":material/delete:",
        key="confirm_delete_sweep", on_click=catch_errors(_delete), args=(sweep.id,),
    ):  # fmt: skip
        st.rerun()  # closes the dialog


def _delete(sweep_id: int) -> None:
    try:
        delete_sweep(get_store(), sweep_id)
    except UserError as error:
        # A toast remains after the dialog closes; `st.error` would not.
        st.toast(escape(error), icon=":material/error:")
    else:
        st.query_params.pop("sweep", None)


def _format_run_count(sweep: Sweep) -> str:
    count = sum(part.run is not None for part in sweep.parts)
    return "1 run" if count == 1 else f"{count:,} runs"


def _restore(sweep_id: int) -> None:
    restore_sweep(get_store(), sweep_id)
    st.session_state[SELECTED_KEY] = sweep_id
