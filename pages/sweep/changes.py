"""Changes to a sweep: name, notes, delete and undo."""

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_store
from pages.shared.sweeps import SELECTED, sweep_label
from s2s.errors import UserError
from s2s.formatting import format_bytes
from s2s.records import Sweep, SweepState
from s2s.runs.files import run_bytes
from s2s.store.sweeps import delete_sweep, deleted_sweeps, describe_sweep, restore_sweep


def sweep_changes(sweep: Sweep) -> None:
    """Show the panel that renames, annotates or deletes the selected sweep."""
    panel = st.expander(
        "Name, notes, delete", icon=":material/edit:", key="changing_sweep", on_change="rerun"
    )
    if not panel.open:
        return
    is_running = sweep.state is SweepState.RUNNING
    with panel:
        with st.form(f"describe_sweep_{sweep.id}", border=False):
            name = st.text_input("Name", sweep.name, max_chars=80)
            notes = st.text_area("Notes", sweep.notes, max_chars=5000, height=100)
            if st.form_submit_button("Save", icon=":material/save:", key="save_sweep"):
                describe_sweep(get_store(), sweep.id, name, notes)
                st.rerun()
        if st.button(
            "Delete",
            icon=":material/delete:",
            key="delete_sweep",
            disabled=is_running,
            help="Stop the sweep before deleting it." if is_running else None,
        ):
            _confirm_deletion(sweep)


def restorable_sweeps() -> None:
    """Show each deleted sweep with its Undo button."""
    for sweep in deleted_sweeps(get_store()):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":material/delete: Deleted **{escape(sweep_label(sweep))}** with its "
                f"{_runs(sweep)} :gray[(can be undone until the dashboard restarts)]",
                width="content",
            )
            restore = catch_errors(_restore)
            st.button("Undo", key=f"undo_sweep_{sweep.id}", on_click=restore, args=(sweep.id,))


@st.dialog("Delete this sweep?")
def _confirm_deletion(sweep: Sweep) -> None:
    disk_bytes = sum(run_bytes(part.run.id) for part in sweep.parts if part.run)
    st.write(
        f"This deletes sweep {sweep.id} **and its {_runs(sweep)}** with their records and weights "
        f"({format_bytes(disk_bytes)}). It can be undone until the dashboard restarts."
    )
    label = f"Delete sweep {sweep.id} and its {_runs(sweep)}"
    delete = catch_errors(_delete)
    icon = ":material/delete:"
    if st.button(label, icon=icon, key="confirm_delete_sweep", on_click=delete, args=(sweep.id,)):
        st.rerun()  # closes the dialog


def _delete(sweep_id: int) -> None:
    try:
        delete_sweep(get_store(), sweep_id)
    except UserError as error:
        st.toast(escape(error), icon=":material/error:")  # stays when the dialog closes
    else:
        st.query_params.pop("sweep", None)


def _runs(sweep: Sweep) -> str:
    count = sum(part.run is not None for part in sweep.parts)
    return "1 run" if count == 1 else f"{count:,} runs"


def _restore(sweep_id: int) -> None:
    restore_sweep(get_store(), sweep_id)
    st.session_state[SELECTED] = sweep_id
