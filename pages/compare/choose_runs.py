"""Which runs are compared: offered by tag and archive, kept in the address."""

from collections.abc import Sequence

import streamlit as st

from pages.shared.address import ids_in
from s2s.formatting import run_label
from s2s.records import Run

MOST_AT_FIRST = 6
_CHOSEN = "compared"


def chosen(runs: Sequence[Run]) -> list[Run]:
    """The runs to compare, by batch size; their ids stand in the address."""
    by_id = {run.id: run for run in runs}
    _start(runs)
    filed = any(run.tags or run.archived_at is not None for run in runs)
    left, right = st.columns([3, 1]) if filed else (st.container(), st.container())
    with right:
        offered = _offered(runs)
    here = {run.id for run in offered} | set(st.session_state[_CHOSEN])
    with left:
        ids = st.multiselect(
            "Runs",
            [run_id for run_id in by_id if run_id in here],
            key=_CHOSEN,
            format_func=lambda run_id: _told(by_id[run_id]),
            persist_state="session",
        )
    st.query_params["run"] = [str(run_id) for run_id in ids]
    return sorted((by_id[run_id] for run_id in ids), key=lambda run: run.config.batch_size)


def choose_too(run_id: int) -> None:
    """Beside those that are chosen already; to be called from a button."""
    before = st.session_state.get(_CHOSEN, [])
    st.session_state[_CHOSEN] = list(dict.fromkeys([*before, run_id]))


def _start(runs: Sequence[Run]) -> None:
    """What is chosen before the widget is there: by the address, or else the latest."""
    known = {run.id for run in runs}
    if _CHOSEN not in st.session_state:
        asked = ids_in(st.query_params.get_all("run"))
        listed = [run for run in runs if run.archived_at is None] or list(runs)
        latest = [run.id for run in listed if run.state.is_finished()] or [run.id for run in listed]
        if missing := [str(run_id) for run_id in asked if run_id not in known]:
            st.warning(f"The link names runs that are not here (any more): {', '.join(missing)}.")
        found = [run_id for run_id in asked if run_id in known]
        st.session_state[_CHOSEN] = found or latest[:MOST_AT_FIRST][::-1]
    elif not known >= set(st.session_state[_CHOSEN]):  # one was deleted
        still = [run_id for run_id in st.session_state[_CHOSEN] if run_id in known]
        st.session_state[_CHOSEN] = still


def _offered(runs: Sequence[Run]) -> list[Run]:
    """Those with all of the tags asked for; archived ones only where they are asked for."""
    tags = sorted({tag for run in runs for tag in run.tags})
    asked: list[str] = []
    if tags:
        asked = st.multiselect(
            "Offer runs tagged", tags, key="tag", bind="query-params", placeholder="any or none"
        )
    archived = any(run.archived_at is not None for run in runs) and st.toggle(
        "Offer archived runs", key="archived", bind="query-params"
    )
    return [
        run for run in runs if set(asked) <= set(run.tags) and (archived or run.archived_at is None)
    ]


def _told(run: Run) -> str:
    return run_label(run) + (" (archived)" if run.archived_at is not None else "")
