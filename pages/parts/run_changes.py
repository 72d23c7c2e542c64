"""Renaming and deleting a run."""

from collections.abc import Sequence

import streamlit as st

from pages.parts import shared
from pages.parts.inert import inert
from s2s.analysis.words import run_label, size
from s2s.config import UserError
from s2s.records import Run
from s2s.runs import artifacts


def run_changes(runs: Sequence[Run]) -> None:
    """Choose one of `runs`, then rename or delete it; deleting asks first."""
    by_id = {run.id: run for run in runs}
    chosen, named, deleted = st.columns([4, 5, 2], vertical_alignment="bottom")
    with chosen:
        run_id = st.selectbox(
            "Run to change", list(by_id), format_func=lambda each: run_label(by_id[each])
        )
    run = by_id[run_id]
    with named, st.form(f"rename_{run.id}", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input("Name", run.name, max_chars=80)
            renamed = st.form_submit_button("Rename")
        if renamed and name.strip():
            shared.store().rename_run(run.id, name)
            st.rerun()
    with deleted:
        over = run.state.is_finished()
        help_ = None if over else "A run can be deleted once it has ended."
        with st.popover("Delete…", icon=":material/delete:", disabled=not over, help=help_):
            st.write(
                f"**{inert(run_label(run))}** with its records and its trained model "
                f"({size(artifacts.run_bytes(run.id))} of files). This cannot be undone."
            )
            st.button("Delete for good", type="primary", on_click=_delete, args=(run.id,))


def _delete(run_id: int) -> None:
    try:
        artifacts.delete_run(shared.store(), run_id)
    except UserError as error:  # deleted in another tab
        st.error(str(error))
