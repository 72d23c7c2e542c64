"""The Compare page: loss, speed, memory and settings of several runs side by side."""

from collections.abc import Sequence

import streamlit as st

from pages.compare.charts import View, anatomy_chart, bar_charts, comparison_caption, loss_chart
from pages.compare.edit_runs import COMPARED_KEY, edit_runs, show_deleted_runs
from pages.compare.tables import difference_table, ratio_table, results_table
from pages.shared.errors import catch_errors
from pages.shared.state import get_store, read_records
from pages.shared.widgets import lazy_expander, parse_ids, segmented_choice
from s2s.analysis.compare.groups import Group, Repeats, group_repeats
from s2s.analysis.run.steps import Axis, LossScale
from s2s.analysis.run.summarize import summarize
from s2s.formatting import format_run_label
from s2s.records import Run

MAX_INITIAL_RUNS = 6
"""Maximum number of runs that are selected at first, if the address names none."""


def empty_panel() -> None:
    """Show a new user the pages on which runs are started."""
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
    """Let the user select runs, and return them by batch size. The address keeps their ids."""
    by_id = {run.id: run for run in runs}
    previous_ids = st.session_state.get(COMPARED_KEY)
    if previous_ids is None:
        existing_ids = find_initial_ids(runs)
    else:
        existing_ids = [run_id for run_id in previous_ids if run_id in by_id]
    if previous_ids != existing_ids:
        st.session_state[COMPARED_KEY] = existing_ids
    has_filters = any(run.tags or run.archived_at is not None for run in runs)
    left, right = st.columns([3, 1]) if has_filters else (st.container(), st.container())
    with right:
        offered_ids = {run.id for run in filter_runs(runs)} | set(existing_ids)

    def label(run_id: int) -> str:
        is_archived = by_id[run_id].archived_at is not None
        return format_run_label(by_id[run_id]) + (" (archived)" if is_archived else "")

    with left:
        ids = st.multiselect(
            "Runs", [run_id for run_id in by_id if run_id in offered_ids], key=COMPARED_KEY,
            format_func=label, persist_state="session",
        )  # fmt: skip
    st.query_params["run"] = [str(run_id) for run_id in ids]
    return sorted((by_id[run_id] for run_id in ids), key=lambda run: run.config.batch_size)


def find_initial_ids(runs: Sequence[Run]) -> list[int]:
    """Return the ids of the runs in the address, or else of the latest runs that ended."""
    existing_ids = {run.id for run in runs}
    linked_ids = parse_ids(st.query_params.get_all("run"))
    if missing := [str(run_id) for run_id in linked_ids if run_id not in existing_ids]:
        st.warning(f"These runs in the link do not exist: {', '.join(missing)}.")
    if selected_ids := [run_id for run_id in linked_ids if run_id in existing_ids]:
        return selected_ids
    candidates = [run for run in runs if run.archived_at is None] or runs
    candidates = [run for run in candidates if run.state.has_ended()] or candidates
    return [run.id for run in reversed(candidates[:MAX_INITIAL_RUNS])]


def filter_runs(runs: Sequence[Run]) -> list[Run]:
    """Let the user filter by tags and include archived runs; return the matching runs."""
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
    """Let the user change the settings of the charts, and return them. The address keeps them."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = segmented_choice("X axis", list(Axis), "axis")
        scale = segmented_choice("Loss", list(LossScale), "scale")
        repeats = segmented_choice(
            "Repeats", list(Repeats), "repeats", disabled=not has_repeats,
            help="Draw runs that differ only in the seed as their mean with a band, or separately.",
        )  # fmt: skip
        smoothing = st.slider(
            "Smoothing", 0.0, 0.99, 0.9, 0.01, key="smoothing", bind="query-params", width=180,
            help="Weight of the earlier steps in each point. The raw loss remains as a faint line.",
        )  # fmt: skip
        with st.container(horizontal=True, width="content"):
            log_x = st.toggle("Log x", key="log_x", bind="query-params")
            log_y = st.toggle("Log y", key="log", bind="query-params")
            show_validation = st.toggle(
                "Validation", key="validation", bind="query-params",
                disabled=scale is LossScale.SENTENCE, help="Available for loss per token only.",
            )  # fmt: skip
    return View(axis, scale, smoothing, log_x, log_y, show_validation, repeats)


def select_baseline(groups: Sequence[Group]) -> Group:
    """Let the user select the baseline. The address keeps the id of one of its runs."""
    group_by_run_id = {run.id: group for group in groups for run in group.runs}
    linked_ids = parse_ids([st.query_params.get("baseline", "")])
    selected_id = st.session_state.get("baseline", linked_ids[0] if linked_ids else None)
    st.session_state["baseline"] = group_by_run_id.get(selected_id, groups[0]).run_id
    run_id = st.selectbox(
        "Baseline of the ratios", [group.run_id for group in groups], key="baseline",
        format_func=lambda each: group_by_run_id[each].label, width=420, persist_state="session",
    )  # fmt: skip
    st.query_params["baseline"] = str(run_id)
    return group_by_run_id[run_id]


def compare(runs: list[Run]) -> None:
    """Show the selected runs side by side."""
    view = view_controls(any(len(each.runs) > 1 for each in group_repeats(runs, Repeats.RANGE)))
    groups = group_repeats(runs, view.repeats)
    group_summaries = [
        (group, [summarize(run, *read_records(run.id)) for run in group.runs]) for group in groups
    ]
    loss_chart(groups, view)
    comparison_caption(group_summaries, view)
    bar_charts(group_summaries, view.repeats)
    results_table(group_summaries)
    ratio_table(group_summaries, select_baseline(groups), view.repeats)
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
