"""The Compare page: speed, memory, loss and settings of several runs side by side."""

from collections.abc import Sequence

import streamlit as st

from pages.compare.charts import View, anatomy_chart, bar_charts, comparison_caption, loss_chart
from pages.compare.edit_runs import COMPARED, edit_runs, show_deleted_runs
from pages.compare.tables import difference_table, figures_table, ratio_table
from pages.shared.errors import catch_errors
from pages.shared.state import get_store, read_records
from pages.shared.widgets import lazy_expander, parse_ids, segmented_choice
from s2s.analysis.compare.groups import Group, Repeats, group_repeats
from s2s.analysis.run.steps import Axis, LossScale
from s2s.analysis.run.summarize import summarize
from s2s.formatting import format_run_label
from s2s.records import Run

MAX_INITIAL = 6
"""Number of runs that are selected at first, unless the address names some."""


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


def select_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the selected runs by batch size; keep the selection in the address."""
    by_id = {run.id: run for run in runs}
    selected = st.session_state.get(COMPARED)
    existing = initial_ids(runs) if selected is None else [id_ for id_ in selected if id_ in by_id]
    if selected != existing:
        st.session_state[COMPARED] = existing
    has_filters = any(run.tags or run.archived_at is not None for run in runs)
    left, right = st.columns([3, 1]) if has_filters else (st.container(), st.container())
    with right:
        offered = {run.id for run in filter_runs(runs)} | set(existing)

    def label(run_id: int) -> str:
        is_archived = by_id[run_id].archived_at is not None
        return format_run_label(by_id[run_id]) + (" (archived)" if is_archived else "")

    with left:
        ids = st.multiselect(
            "Runs", [run_id for run_id in by_id if run_id in offered], key=COMPARED,
            format_func=label, persist_state="session",
        )  # fmt: skip
    st.query_params["run"] = [str(run_id) for run_id in ids]
    return sorted((by_id[run_id] for run_id in ids), key=lambda run: run.config.batch_size)


def initial_ids(runs: Sequence[Run]) -> list[int]:
    """Return the ids of the runs in the address, or else of the latest runs."""
    existing = {run.id for run in runs}
    linked = parse_ids(st.query_params.get_all("run"))
    if missing := [str(run_id) for run_id in linked if run_id not in existing]:
        st.warning(f"Some linked runs do not exist: {', '.join(missing)}.")
    selected = [run_id for run_id in linked if run_id in existing]
    if selected:
        return selected
    listed = [run for run in runs if run.archived_at is None] or runs
    ended = [run for run in listed if run.state.has_ended()] or listed
    return [run.id for run in reversed(ended[:MAX_INITIAL])]


def filter_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the runs with all selected tags, and archived runs only on request."""
    tags: list[str] = []
    if all_tags := sorted({tag for run in runs for tag in run.tags}):
        tags = st.multiselect(
            "Filter by tags", all_tags, key="tag", bind="query-params", placeholder="All runs"
        )
    has_archived = any(run.archived_at is not None for run in runs)
    if not (
        has_archived and st.toggle("Include archived runs", key="archived", bind="query-params")
    ):
        runs = [run for run in runs if run.archived_at is None]
    return [run for run in runs if set(tags) <= set(run.tags)]


def view_controls(has_repeats: bool) -> View:
    """Show the settings of the charts, which the address keeps, and return them."""
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
            show_validation = st.toggle(
                "Validation", key="validation", bind="query-params",
                disabled=scale is LossScale.SENTENCE, help="Available per token only.",
            )  # fmt: skip
    return View(axis, scale, smoothing, log_x, log_y, show_validation, repeats)


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
    show_deleted_runs()
    st.stop()
selected = select_runs(runs)
if selected:
    has_unfinished = not all(run.state.has_ended() for run in selected)
    st.fragment(catch_errors(compare), run_every="5s" if has_unfinished else None)(selected)
else:
    st.info("Select at least one run.")
label = "Name, notes, tags, archive, delete"
lazy_expander(label, "edit", "changing", lambda: edit_runs(runs))
show_deleted_runs()
