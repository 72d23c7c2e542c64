"""The selection of runs to compare, filtered by tag and archive, and kept in the address."""

from collections.abc import Sequence

import streamlit as st

from pages.shared.address import parse_ids
from s2s.formatting import format_run_label
from s2s.records import Run

_MAX_INITIAL = 6
_SELECTED = "compared"


def select_runs(runs: Sequence[Run]) -> list[Run]:
    """Show the selection and return the selected runs by batch size."""
    by_id = {run.id: run for run in runs}
    _initialize(runs)
    has_filters = any(run.tags or run.archived_at is not None for run in runs)
    left, right = st.columns([3, 1]) if has_filters else (st.container(), st.container())
    with right:
        offered = {run.id for run in _filter(runs)} | set(st.session_state[_SELECTED])
    with left:
        ids = st.multiselect(
            "Runs", [run_id for run_id in by_id if run_id in offered], key=_SELECTED,
            format_func=lambda run_id: _label(by_id[run_id]), persist_state="session",
        )  # fmt: skip
    st.query_params["run"] = [str(run_id) for run_id in ids]
    return sorted((by_id[run_id] for run_id in ids), key=lambda run: run.config.batch_size)


def add_to_selection(run_id: int) -> None:
    """Select one more run; call it from a button's callback."""
    selected = st.session_state.get(_SELECTED, [])
    st.session_state[_SELECTED] = list(dict.fromkeys([*selected, run_id]))


def _initialize(runs: Sequence[Run]) -> None:
    """Select the runs in the address, or else the latest; drop runs that have been deleted."""
    existing = {run.id for run in runs}
    if _SELECTED in st.session_state:
        selected = [run_id for run_id in st.session_state[_SELECTED] if run_id in existing]
    else:
        linked = parse_ids(st.query_params.get_all("run"))
        if missing := [str(run_id) for run_id in linked if run_id not in existing]:
            st.warning(f"Some linked runs do not exist: {', '.join(missing)}.")
        selected = [run_id for run_id in linked if run_id in existing]
        if not selected:
            listed = [run for run in runs if run.archived_at is None] or list(runs)
            finished = [run for run in listed if run.state.has_ended()] or listed
            selected = [run.id for run in finished[:_MAX_INITIAL]][::-1]
    if selected != st.session_state.get(_SELECTED):
        st.session_state[_SELECTED] = selected


def _filter(runs: Sequence[Run]) -> list[Run]:
    """Return the runs with all selected tags; archived runs only if requested."""
    all_tags = sorted({tag for run in runs for tag in run.tags})
    tags: list[str] = []
    if all_tags:
        tags = st.multiselect(
            "Filter by tags", all_tags, key="tag", bind="query-params", placeholder="All runs"
        )
    include_archived = any(run.archived_at is not None for run in runs) and st.toggle(
        "Include archived runs", key="archived", bind="query-params"
    )
    listed = [run for run in runs if include_archived or run.archived_at is None]
    return [run for run in listed if set(tags) <= set(run.tags)]


def _label(run: Run) -> str:
    return format_run_label(run) + (" (archived)" if run.archived_at is not None else "")
