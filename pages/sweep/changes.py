"""What a user does to a sweep: name, notes, delete, and undo."""

import streamlit as st

from pages.shared import state as shared
from pages.shared.errors import guarded
from pages.shared.escaping import inert
from pages.shared.sweeps import SHOWN, sweep_label
from s2s.config import UserError
from s2s.formatting import size
from s2s.records import Sweep, SweepState
from s2s.runs.files import run_bytes
from s2s.store.sweeps import delete_sweep, deleted_sweeps, describe_sweep, restore_sweep


def sweep_changes(sweep: Sweep) -> None:
    """Of the one that is shown."""
    panel = st.expander(
        "Name, notes, delete", icon=":material/edit:", key="changing_sweep", on_change="rerun"
    )
    if panel.open:
        with panel:
            _describe(sweep)
            _delete(sweep)


def restorable_sweeps() -> None:
    """A line for each deleted sweep with the button that brings it back."""
    for sweep in deleted_sweeps(shared.store()):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":material/delete: Deleted **{inert(sweep_label(sweep))}** with its "
                f"{_runs(sweep)} :gray[(gone for good when the dashboard is started again)]",
                width="content",
            )
            st.button(
                "Undo", key=f"undo_sweep_{sweep.id}", on_click=guarded(_restore), args=(sweep.id,)
            )


def _describe(sweep: Sweep) -> None:
    with st.form(f"describe_sweep_{sweep.id}", border=False):
        name = st.text_input("Name", sweep.name, max_chars=80)
        notes = st.text_area("Notes", sweep.notes, max_chars=5000, height=100)
        if st.form_submit_button("Save", icon=":material/save:"):
            describe_sweep(shared.store(), sweep.id, name, notes)
            st.rerun()


def _delete(sweep: Sweep) -> None:
    going = sweep.state is SweepState.RUNNING
    asked = st.button(
        "Delete", icon=":material/delete:", disabled=going,
        help="A sweep can be deleted once it is stopped." if going else None,
    )  # fmt: skip
    if asked:
        _confirm(sweep)


@st.dialog("Delete this sweep?")
def _confirm(sweep: Sweep) -> None:
    disk = sum(run_bytes(part.run.id) for part in sweep.parts if part.run)
    st.write(
        f"Sweep {sweep.id} goes **with its {_runs(sweep)}**, their records and weights "
        f"({size(disk)}). It can be undone until the dashboard is started again."
    )
    if st.button(
        f"Delete sweep {sweep.id} and its {_runs(sweep)}", icon=":material/delete:",
        on_click=guarded(_hide), args=(sweep.id,),
    ):  # fmt: skip
        st.rerun()  # which closes the dialog


def _hide(sweep_id: int) -> None:
    try:
        delete_sweep(shared.store(), sweep_id)
    except UserError as error:
        st.toast(inert(error), icon=":material/error:")
    else:
        st.query_params.pop("sweep", None)


def _runs(sweep: Sweep) -> str:
    count = sum(part.run is not None for part in sweep.parts)
    return "1 run" if count == 1 else f"{count:,} runs"


def _restore(sweep_id: int) -> None:
    try:
        restore_sweep(shared.store(), sweep_id)
    except UserError as error:
        st.error(inert(error))
    else:
        st.session_state[SHOWN] = sweep_id
