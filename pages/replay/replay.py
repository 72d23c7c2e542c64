"""The Replay page: the article's comparison repeated on this machine."""

import streamlit as st

from pages.replay.view import show_replay
from pages.shared.errors import catch_errors
from pages.shared.state import get_scheduler, get_store
from pages.shared.sweeps import SELECTED_KEY, list_sweeps, select_sweep, stop_or_continue_button
from pages.shared.widgets import corpus_select, lazy_expander
from s2s.records import SweepState
from s2s.sweeps.replay import (
    ITERATIONS,
    LONG_ITERATIONS,
    build_replay_config,
    find_related_advice,
    is_replay,
    measure_unigram_loss,
)

_OPEN_KEY = "new_replay_open"
"""Session-state key. Its value tells whether the form is open."""
_ITERATION_LABELS = {
    ITERATIONS: "1,000, as in the article",
    LONG_ITERATIONS: "10,000 with sample translations",
}


def start_replay() -> None:
    """Start a replay with the settings in the form, and select it."""
    iterations = st.session_state["replay_iterations"]
    # This key is missing if the user changed the iterations just before the click.
    repeats = st.session_state.get(f"replay_repeats_{iterations}")
    config = build_replay_config(st.session_state["replay_corpus"], iterations, repeats)
    st.session_state[SELECTED_KEY] = get_scheduler().submit_sweep(config)
    st.session_state[_OPEN_KEY] = False


def show_form() -> None:
    """Show the form for a new replay: corpus, iterations and repeats."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        corpus = corpus_select("replay_corpus", width=240)
        iterations = st.segmented_control(
            "Iterations per run", list(_ITERATION_LABELS), default=ITERATIONS, required=True,
            format_func=_ITERATION_LABELS.__getitem__, key="replay_iterations",
        )  # fmt: skip
        repeats = st.number_input(
            "Repeats", 1, 100, build_replay_config(corpus, iterations).repeats, width=160,
            key=f"replay_repeats_{iterations}", help="Intervals need at least two repeats.",
        )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Replay the article", type="primary", key="start_replay", icon=":material/replay:",
            on_click=catch_errors(start_replay),
        )  # fmt: skip
        st.caption(
            f"{4 * repeats:,} runs: batch sizes 2 and 32, each with the article's computation "
            "(`article`) and without its overhead (`fused`), in shuffled order. The article used "
            "the corpus fra-eng. You can download it on the Corpora page. The starter corpus has "
            "fewer words, so models learn it sooner."
        )


st.title("Replay")
st.caption(
    "The article trained batch sizes 2 and 32 for 1,000 iterations each and reported a 10× "
    "speedup. Repeat the comparison on this machine, with confidence intervals."
)
replays = [sweep for sweep in list_sweeps() if is_replay(sweep.config)]
st.session_state.setdefault(_OPEN_KEY, not replays)
lazy_expander("New replay", "add_circle", _OPEN_KEY, show_form)
if replays:
    sweep = select_sweep(replays)
    with st.container(horizontal=True, vertical_alignment="center"):
        stop_or_continue_button(sweep)
        st.page_link("pages/compare/compare.py", label="Compare runs", icon=":material/bar_chart:")
        st.page_link("pages/sweep/sweep.py", label="Sweep", icon=":material/stacked_line_chart:")
    is_live = sweep.state is SweepState.RUNNING
    st.fragment(catch_errors(show_replay), run_every="2s" if is_live else None)(
        sweep.id,
        measure_unigram_loss(sweep),
        find_related_advice(get_store(), sweep),
        is_live=is_live,
    )
