"""The Replay page: the article's comparison repeated on this machine."""

import streamlit as st

from pages.replay.view import show_replay
from pages.shared.errors import catch_errors
from pages.shared.state import get_scheduler, get_store
from pages.shared.sweeps import SELECTED, list_sweeps, select_sweep, stop_or_continue_button
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

_OPEN = "new_replay_open"
"""Session-state key: whether the form is open."""
_LENGTHS = {
    ITERATIONS: "1,000, as in the article",
    LONG_ITERATIONS: "10,000 with sample translations",
}


def start_replay() -> None:
    """Start the replay with the form's values and select it."""
    iterations = st.session_state["replay_iterations"]
    # The field of the repeats is missing if the iterations were changed just before the click.
    repeats = st.session_state.get(f"replay_repeats_{iterations}")
    config = build_replay_config(st.session_state["replay_corpus"], iterations, repeats)
    st.session_state[SELECTED] = get_scheduler().submit_sweep(config)
    st.session_state[_OPEN] = False


def show_form() -> None:
    """Show the form of a new replay: corpus, iterations and repeats."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        corpus = corpus_select("replay_corpus", width=240)
        iterations = st.segmented_control(
            "Iterations per run", list(_LENGTHS), default=ITERATIONS, required=True,
            format_func=_LENGTHS.__getitem__, key="replay_iterations",
        )  # fmt: skip
        repeats = st.number_input(
            "Repeats", 1, 100, build_replay_config(corpus, iterations).repeats, width=160,
            key=f"replay_repeats_{iterations}", help="Intervals need at least two.",
        )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Replay the article", type="primary", key="start_replay", icon=":material/replay:",
            on_click=catch_errors(start_replay),
        )  # fmt: skip
        st.caption(
            f"{4 * repeats:,} runs: batch sizes 2 and 32, each with the article's computation "
            "(`article`) and without its overhead (`fused`), in shuffled order. The article used "
            "fra-eng, which the Corpora page downloads; the starter corpus has fewer words and is "
            "learned sooner."
        )


st.title("Replay")
st.caption(
    "The article trained batch sizes 2 and 32 for 1,000 iterations each and reported a 10X "
    "speedup. Repeat the comparison here, with intervals."
)
replays = [sweep for sweep in list_sweeps() if is_replay(sweep.config)]
st.session_state.setdefault(_OPEN, not replays)
lazy_expander("New replay", "add_circle", _OPEN, show_form)
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
