"""The live view of one run: progress, figures, charts, translations. It only draws."""

import pyarrow as pa
import streamlit as st

from pages.shared.chart import draw
from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_store
from pages.train import live_view
from pages.train.live_view import Figures, Tile
from pages.train.tab_title import tab_title
from s2s.analysis.run.progress import Progress, progress_text
from s2s.analysis.run.progress import tab_title as tab_title_text
from s2s.analysis.run.steps import LossScale
from s2s.errors import UserError
from s2s.records import Run, RunState
from s2s.text.run import describe_state

Active = tuple[tuple[int, RunState], ...]
"""The unfinished runs as the page body saw them."""


TICK_SECONDS = 2.5
"""Each tick takes time from the training: the browser beside it goes through the whole page anew,
some 100 ms of a processor, and half of that for a tick that changes nothing."""
STOPPING_TICK_SECONDS = 0.25
"""There is no training left to disturb, and whoever pressed Stop waits."""
_STEADY = (
    # What is being drawn anew fades otherwise, and the browser draws each shade of it.
    "<style>.st-key-live .stElementContainer"
    " { opacity: 1 !important; transition: none !important; }</style>"
)


def watch(run_id: int, scale: LossScale, active: Active) -> None:
    """Draws the run; again every so often while anything is active."""
    stopping = any(state is RunState.STOPPING for _, state in active)
    every = STOPPING_TICK_SECONDS if stopping else TICK_SECONDS
    with st.container(key="live"):
        st.html(_STEADY)
        st.fragment(catch_errors(_tick), run_every=every if active else None)(run_id, scale, active)


def _tick(run_id: int, scale: LossScale, active: Active) -> None:
    store = get_store()
    try:
        now = store.states([each for each, _ in active])
        run = store.run(run_id)
    except UserError:  # deleted in another tab
        st.rerun()
    if now != active:
        st.rerun()  # the page body has other buttons now
    figures = live_view.figures(store, run, scale)
    _state(run, figures and figures.progress)
    if figures:
        _figures(run, figures)


def _state(run: Run, now: Progress | None) -> None:
    if run.state in (RunState.RUNNING, RunState.STOPPING) and now:
        st.progress(now.share, text=progress_text(run.config, now))
        tab_title(tab_title_text(run.id, now))
        return
    sentence = escape(describe_state(run))
    match run.state:
        case RunState.FINISHED:
            st.success(sentence, icon=":material/check_circle:")
        case RunState.FAILED | RunState.OUT_OF_MEMORY | RunState.DIVERGED:
            st.error(sentence, icon=":material/error:")
        case RunState.STOPPED | RunState.INTERRUPTED:
            st.warning(sentence, icon=":material/stop_circle:")
        case _:
            st.info(sentence, icon=":material/hourglass_empty:")
    if run.details:
        with st.expander("Technical details"):
            st.code(run.details, language=None)


def _figures(run: Run, figures: Figures) -> None:
    with st.container(horizontal=True):
        for each in figures.tiles:
            _tile(each)
    for doubt in figures.doubts:
        st.caption(doubt)
    draw(figures.charts, f"live_{run.id}")
    _translations(figures.translations)


def _tile(tile: Tile) -> None:
    st.metric(
        tile.label, tile.value, tile.below, delta_color="off", delta_arrow="off", border=True,
        help=tile.help, width="stretch",
    )  # fmt: skip


def _translations(table: pa.Table | None) -> None:
    st.subheader("Translations as they improve")
    if table is None:
        st.caption("The first ones come with the first evaluation.")
        return
    st.table(
        table,
        hide_index=True,
        alt="Source sentences, their references and the model's output after some iterations",
    )
