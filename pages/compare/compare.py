"""Runs side by side: what the batch size changed."""

from collections.abc import Sequence

import streamlit as st

from pages.compare import side_by_side
from pages.compare.anatomy import anatomies
from pages.compare.choose_runs import chosen
from pages.compare.figures_table import figures_table, ratio_table
from pages.compare.run_changes import deleted_runs, run_changes
from pages.compare.side_by_side import View
from pages.shared.address import parse_ids, segmented_choice
from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_manager, get_store
from pages.train import presets
from s2s.analysis.compare.groups import Group, Repeats, groups
from s2s.analysis.run.steps import Axis, LossScale
from s2s.errors import UserError
from s2s.records import Run


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
                    get_manager().submit(presets.configs(presets.ARTICLE_PAIR))
                except UserError as error:
                    st.error(escape(error))
                else:
                    st.switch_page("pages/train/train.py")
            st.page_link(
                "pages/replay/replay.py", label="Replay the article", icon=":material/replay:"
            )
            st.page_link(
                "pages/train/train.py", label="Choose something else", icon=":material/tune:"
            )


def controls(repeated: bool) -> View:
    """How to draw, all of it kept in the address. `repeated`: some runs are repeats of others."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = segmented_choice("Along", list(Axis), "axis")
        scale = segmented_choice("Loss", list(LossScale), "scale")
        repeats = segmented_choice(
            "Repeats", list(Repeats), "repeats", disabled=not repeated,
            help="Runs that differ in nothing but the seed, as one mean with its spread, or each "
            "by itself.",
        )  # fmt: skip
        smoothing = st.slider(
            "Smoothing", 0.0, 0.99, 0.9, 0.01, key="smoothing", bind="query-params", width=180,
            help="Share of the average so far in each point; the raw line stays, faint.",
        )  # fmt: skip
        with st.container(horizontal=True, width="content"):
            log_x = st.toggle("Log x", key="log_x", bind="query-params")
            log_y = st.toggle("Log y", key="log", bind="query-params")
            validation = st.toggle(
                "Validation", key="validation", bind="query-params",
                disabled=scale is LossScale.SENTENCE, help="Measured per token only.",
            )  # fmt: skip
    return View(axis, scale, smoothing, log_x, log_y, validation, repeats)


def chosen_baseline(grouped: Sequence[Group]) -> Group:
    """Kept in the address by the id of a run, which a change of its name or group leaves alone."""
    of_run = {run.id: group for group in grouped for run in group.runs}
    asked = parse_ids([st.query_params.get("baseline", "")])
    before = st.session_state.get("baseline", asked[0] if asked else None)
    st.session_state["baseline"] = of_run.get(before, grouped[0]).run_id
    run_id = st.selectbox(
        "Everything as a ratio to",
        [group.run_id for group in grouped],
        key="baseline",
        format_func=lambda each: of_run[each].label,
        width=420,
        persist_state="session",
    )
    st.query_params["baseline"] = str(run_id)
    return of_run[run_id]


def compare(runs: list[Run]) -> None:
    view = controls(any(len(group.runs) > 1 for group in groups(runs, Repeats.RANGE)))
    grouped = groups(runs, view.repeats)
    compared = side_by_side.rows(grouped)
    figures = [row for _, rows in compared for row in rows]
    side_by_side.curves(grouped, view)
    side_by_side.honest(figures, grouped, view)
    side_by_side.both_bars(compared, view.repeats)
    figures_table([run for group in grouped for run in group.runs], figures)
    side_by_side.doubts(figures)
    ratio_table(compared, chosen_baseline(grouped), view.repeats)
    anatomies(runs)
    side_by_side.what_differs(grouped)


st.title("Compare")
runs = [run for run in get_store().runs(archived=True) if run.iterations_done]
if not runs:
    nothing_yet()
    deleted_runs()
    st.stop()
picked = chosen(runs)
unfinished = not all(run.state.is_finished() for run in picked)
if picked:
    st.fragment(catch_errors(compare), run_every="5s" if unfinished else None)(picked)
else:
    st.info("Choose at least one run.")
panel = st.expander(
    "Name, notes, tags, archive, delete",
    icon=":material/edit:",
    key="changing",
    on_change="rerun",
)
if panel.open:
    with panel:
        run_changes(runs)
deleted_runs()
