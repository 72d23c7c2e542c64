"""The live view of one run: progress, figures, charts and sample translations."""

import pyarrow as pa
import streamlit as st

from pages.shared.chart import draw_charts
from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_store
from pages.train.live_figures import get_live_figures
from s2s.analysis.run.progress import Progress
from s2s.analysis.run.steps import LossScale
from s2s.errors import UserError
from s2s.records import Run, RunState
from s2s.text.run import describe_progress, describe_state, format_tab_title

RunStates = tuple[tuple[int, RunState], ...]
"""The unfinished runs and their states, as the page body saw them."""

_TICK_SECONDS = 2.5
"""A refresh slows training on the same machine: the browser takes about 100 ms of CPU time to go
through the page, and half of that even if nothing has changed."""
_STOPPING_TICK_SECONDS = 0.25
"""While a run stops, the user waits, and a refresh slows no training."""
_NO_FADING = (
    # Streamlit fades elements during a refresh, which makes the browser draw every shade.
    "<style>.st-key-live .stElementContainer"
    " { opacity: 1 !important; transition: none !important; }</style>"
)
_tab_title = st.components.v2.component(
    "s2s_tab_title",
    js="""
let before;
export default function ({ data }) {
    before ??= document.title;
    document.title = data;
    // On removal, restore the page's own title, unless it has been set already.
    return () => { if (document.title === data) document.title = before; };
}
""",
)


def watch_run(run_id: int, scale: LossScale, unfinished: RunStates) -> None:
    """Show a run, refreshed on a timer while any run is unfinished."""
    is_stopping = any(state is RunState.STOPPING for _, state in unfinished)
    interval = _STOPPING_TICK_SECONDS if is_stopping else _TICK_SECONDS
    with st.container(key="live"):
        st.html(_NO_FADING)
        st.fragment(catch_errors(_tick), run_every=interval if unfinished else None)(
            run_id, scale, unfinished
        )


def _tick(run_id: int, scale: LossScale, unfinished: RunStates) -> None:
    store = get_store()
    try:
        states = store.states([each for each, _ in unfinished])
        run = store.run(run_id)
    except UserError:  # deleted in another tab
        st.rerun()
    if states != unfinished:
        st.rerun()  # the page body shows other buttons now
    figures = get_live_figures(store, run, scale)
    _show_state(run, figures.progress if figures else None)
    if figures:
        with st.container(horizontal=True):
            for label, value, detail, help_ in figures.tiles:
                st.metric(
                    label, value, detail, delta_color="off", delta_arrow="off", border=True,
                    help=help_, width="stretch",
                )  # fmt: skip
        for caption in figures.captions:
            st.caption(caption)
        draw_charts(figures.charts, f"live_{run.id}")
        _show_translations(figures.translations)


def _show_state(run: Run, progress: Progress | None) -> None:
    if run.state in (RunState.RUNNING, RunState.STOPPING) and progress:
        st.progress(progress.share, text=describe_progress(run.config, progress))
        _tab_title(data=format_tab_title(run.id, progress), key="tab_title")
        return
    text = escape(describe_state(run))
    match run.state:
        case RunState.FINISHED:
            st.success(text, icon=":material/check_circle:")
        case RunState.FAILED | RunState.OUT_OF_MEMORY | RunState.DIVERGED:
            st.error(text, icon=":material/error:")
        case RunState.STOPPED | RunState.INTERRUPTED:
            st.warning(text, icon=":material/stop_circle:")
        case _:
            st.info(text, icon=":material/hourglass_empty:")
    if run.traceback:
        with st.expander("Technical details"):
            st.code(run.traceback, language=None)


def _show_translations(table: pa.Table | None) -> None:
    st.subheader("Sample translations")
    if table is None:
        st.caption("Translations appear at the first evaluation.")
        return
    alt = "Source sentences, their references, and the translations at some evaluations"
    st.table(table, hide_index=True, alt=alt)
