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
    run_id = st.selectbox(
        "Run to change", list(by_id), format_func=lambda each: run_label(by_id[each])
    )
    run = by_id[run_id]
    with st.form(f"rename_{run.id}", border=False), st.container(horizontal=True):
        name = st.text_input("Name", run.name, max_chars=80, label_visibility="collapsed")
        if st.form_submit_button("Rename", disabled=not runs) and name.strip():
            shared.store().rename_run(run.id, name)
            st.rerun()
    if st.button("Delete…", icon=":material/delete:", disabled=not run.state.is_finished()):
        _confirm(run)
    if not run.state.is_finished():
        st.caption("A run can be deleted once it has ended.")


@st.dialog("Delete this run?")
def _confirm(run: Run) -> None:
    st.write(
        f"**{inert(run_label(run))}** with its records and its trained model "
        f"({size(artifacts.run_bytes(run.id))} of files). This cannot be undone."
    )
    with st.container(horizontal=True):
        if st.button("Delete for good", type="primary"):
            try:
                artifacts.delete_run(shared.store(), run.id)
            except UserError as error:
                st.error(str(error))
            else:
                st.rerun()
        if st.button("Keep it"):
            st.rerun()
