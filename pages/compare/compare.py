"""The Compare page: speed, memory, loss and settings of several runs side by side."""

from collections.abc import Sequence

import streamlit as st

from pages.compare.charts import View, anatomy_chart, bar_charts, comparison_caption, loss_chart
from pages.compare.run_changes import restorable_runs, run_changes
from pages.compare.select_runs import select_runs
from pages.compare.tables import difference_table, figures_table, ratio_table
from pages.shared.address import parse_ids, segmented_choice
from pages.shared.errors import catch_errors
from pages.shared.records import read_records
from pages.shared.state import get_store
from s2s.analysis.compare.groups import Group, Repeats, group_repeats
from s2s.analysis.run.steps import Axis, LossScale
from s2s.analysis.run.summarize import summarize
from s2s.records import Run


def empty_panel() -> None:
    """Lead a first visitor to pages that train runs."""
    with st.container(border=True):
        st.subheader("Nothing to compare yet")
        st.write(
            "Train the article's pair, batch sizes 2 and 32, on the Train page. Then see here how "
            "a 16× larger batch changes speed, memory and loss."
        )
        with st.container(horizontal=True):
            st.page_link("pages/train/train.py", label="Train", icon=":material/play_arrow:")
            st.page_link(
                "pages/replay/replay.py", label="Replay the article", icon=":material/replay:"
            )


def view_controls(has_repeats: bool) -> View:
    """Show the settings of the loss chart, all kept in the address."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = segmented_choice("X axis", list(Axis), "axis")
        scale = segmented_choice("Loss", list(LossScale), "scale")
        repeats = segmented_choice(
            "Repeats", list(Repeats), "repeats", disabled=not has_repeats,
            help="Runs that differ only in the seed: as their mean with a band, or each by itself.",
        )  # fmt: skip
        smoothing = st.slider(
            "Smoothing", 0.0, 0.99, 0.9, 0.01, key="smoothing", bind="query-params", width=180,
            help="Weight of the earlier steps in each point. The raw line stays visible, faint.",
        )  # fmt: skip
        with st.container(horizontal=True, width="content"):
            log_x = st.toggle("Log x", key="log_x", bind="query-params")
            log_y = st.toggle("Log y", key="log", bind="query-params")
            validation = st.toggle(
                "Validation", key="validation", bind="query-params",
                disabled=scale is LossScale.SENTENCE, help="Available per token only.",
            )  # fmt: skip
    return View(axis, scale, smoothing, log_x, log_y, validation, repeats)


def select_baseline(groups: Sequence[Group]) -> Group:
    """Return the selected baseline, kept in the address by the id of one of its runs."""
    by_run = {run.id: group for group in groups for run in group.runs}
    linked = parse_ids([st.query_params.get("baseline", "")])
    selected = st.session_state.get("baseline", linked[0] if linked else None)
    st.session_state["baseline"] = by_run.get(selected, groups[0]).run_id
    run_id = st.selectbox(
        "Baseline of the ratios", [group.run_id for group in groups], key="baseline",
        format_func=lambda each: by_run[each].label, width=420, persist_state="session",
    )  # fmt: skip
    st.query_params["baseline"] = str(run_id)
    return by_run[run_id]


def compare(runs: list[Run]) -> None:
    """Show the selected runs side by side."""
    view = view_controls(any(len(each.runs) > 1 for each in group_repeats(runs, Repeats.RANGE)))
    groups = group_repeats(runs, view.repeats)
    compared = [
        (group, [summarize(run, *read_records(run.id)) for run in group.runs]) for group in groups
    ]
    loss_chart(groups, view)
    comparison_caption(compared, view)
    bar_charts(compared, view.repeats)
    figures_table(compared)
    ratio_table(compared, select_baseline(groups), view.repeats)
    anatomy_chart(runs)
    difference_table(groups)


st.title("Compare")
runs = [run for run in get_store().runs(archived=True) if run.iterations_done]
if not runs:
    empty_panel()
    restorable_runs()
    st.stop()
selected = select_runs(runs)
is_training = not all(run.state.has_ended() for run in selected)
if selected:
    st.fragment(catch_errors(compare), run_every="5s" if is_training else None)(selected)
else:
    st.info("Select at least one run.")
panel = st.expander(
    "Name, notes, tags, archive, delete", icon=":material/edit:", key="changing",
    on_change="rerun",
)  # fmt: skip
if panel.open:
    with panel:
        run_changes(runs)
restorable_runs()
