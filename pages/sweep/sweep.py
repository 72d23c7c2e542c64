"""The Sweep page: start sweeps, watch them, and see their results by batch size."""

import streamlit as st

from pages.shared.form_widgets import lazy_expander
from pages.shared.sweeps import list_sweeps, select_sweep, stop_or_continue_button
from pages.sweep import form as sweep_form
from pages.sweep.changes import restorable_sweeps, sweep_changes
from pages.sweep.charts import sweep_charts
from pages.sweep.live import watch_sweep

st.title("Sweep")
st.caption("Train several batch sizes on this machine, repeated and interleaved.")
st.page_link("pages/replay/replay.py", label="Replay the article", icon=":material/replay:")
sweeps = list_sweeps()
st.session_state.setdefault(sweep_form.OPEN, not sweeps)
lazy_expander("New sweep", "add_circle", sweep_form.OPEN, sweep_form.sweep_form)
if sweeps:
    sweep = select_sweep(sweeps)
    with st.container(horizontal=True, vertical_alignment="center"):
        stop_or_continue_button(sweep)
        advisor, compare = "pages/advisor/advisor.py", "pages/compare/compare.py"
        st.page_link(advisor, label="Recommended batch size", icon=":material/tips_and_updates:")
        st.page_link(compare, label="Compare runs", icon=":material/bar_chart:")
    watch_sweep(sweep)
    if sweep.notes:
        st.text(sweep.notes)
    sweep_charts(sweep)
    sweep_changes(sweep)
restorable_sweeps()
