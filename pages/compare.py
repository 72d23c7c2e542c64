"""Runs side by side: what the batch size changed."""

import dataclasses

import pandas as pd
import streamlit as st

from pages.parts import presets, shared, side_by_side
from pages.parts.anatomy import anatomies
from pages.parts.door import enter
from pages.parts.run_changes import run_changes
from s2s.analysis.steps import Axis, LossScale
from s2s.analysis.words import run_label
from s2s.config import UserError
from s2s.records import Run

MOST_AT_FIRST = 6


def nothing_yet() -> None:
    """What to do where no run has trained a step."""
    with st.container(border=True):
        st.subheader("Nothing to compare yet")
        st.write(
            "Train the article's pair, batch size 2 and then 32, and see here what sixteen times "
            "the batch does to speed, memory and loss."
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Train the article's pair", type="primary", icon=":material/play_arrow:"):
                try:
                    shared.manager().submit(presets.configs(presets.ARTICLE_PAIR))
                except UserError as error:
                    st.error(str(error))
                else:
                    st.switch_page("pages/train.py")
            st.page_link("pages/train.py", label="Choose something else", icon=":material/tune:")


def chosen(runs: list[Run]) -> list[Run]:
    """The runs to compare, kept in the address so that a view can be shared."""
    by_id = {run.id: run for run in runs}
    if "compared" not in st.session_state:
        asked = [int(each) for each in st.query_params.get_all("run") if each.isdecimal()]
        latest = [run.id for run in runs if run.state.is_finished()] or list(by_id)
        known = [run_id for run_id in asked if run_id in by_id]
        if missing := [str(run_id) for run_id in asked if run_id not in by_id]:
            st.warning(f"The link names runs that are not here (any more): {', '.join(missing)}.")
        st.session_state["compared"] = known or latest[:MOST_AT_FIRST][::-1]
    elif not by_id.keys() >= set(st.session_state["compared"]):  # one was deleted
        still = [run_id for run_id in st.session_state["compared"] if run_id in by_id]
        st.session_state["compared"] = still
    ids = st.multiselect(
        "Runs",
        list(by_id),
        key="compared",
        format_func=lambda run_id: run_label(by_id[run_id]),
        persist_state="session",
    )
    st.query_params["run"] = [str(run_id) for run_id in ids]
    return sorted((by_id[run_id] for run_id in ids), key=lambda run: run.config.batch_size)


def compare(runs: list[Run]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = st.segmented_control(
            "Along", list(Axis), default=Axis.ITERATIONS, required=True, key="axis",
            bind="query-params",
        )  # fmt: skip
        scale = st.segmented_control(
            "Loss", list(LossScale), default=LossScale.TOKEN, required=True, key="scale",
            bind="query-params",
        )  # fmt: skip
        smoothing = st.slider(
            "Smoothing", 0.0, 0.99, 0.9, 0.01, key="smoothing", bind="query-params", width=180,
            help="Share of the average so far in each point; the raw line stays, faint.",
        )  # fmt: skip
        log_y = st.toggle("Log scale", key="log", bind="query-params")
        validation = st.toggle(
            "Validation", key="validation", bind="query-params",
            disabled=scale is LossScale.SENTENCE, help="Measured per token only.",
        )  # fmt: skip
    side_by_side.curves(runs, axis, scale, smoothing, log_y=log_y, validation=validation)
    figures = side_by_side.rows(runs)
    side_by_side.honest(figures, axis)
    side_by_side.bars(figures)
    by_label = {each.label: each for each in figures}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        baseline = st.selectbox(
            "Baseline", list(by_label), key="baseline", bind="query-params", width=360
        )
        st.download_button(
            "Download as CSV",
            pd.DataFrame([dataclasses.asdict(each) for each in figures]).to_csv(index=False),
            "s2s-runs.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
    side_by_side.table(figures, by_label[baseline])
    side_by_side.doubts(figures)
    anatomies(runs)
    side_by_side.what_differs(runs)


enter()
st.title("Compare")
runs = [run for run in shared.store().runs() if run.iterations_done]
if not runs:
    nothing_yet()
    st.stop()
picked = chosen(runs)
unfinished = not all(run.state.is_finished() for run in picked)
if picked:
    st.fragment(compare, run_every="5s" if unfinished else None)(picked)
else:
    st.info("Choose at least one run.")
with st.expander("Rename or delete a run", icon=":material/edit:"):
    run_changes(runs)
