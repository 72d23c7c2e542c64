"""The live view of one run: progress, figures, charts and sample translations."""

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
"""Id and state of each run that has not ended."""

_REFRESH_SECONDS = 2.5
"""Each refresh costs the browser about 100 ms of CPU time and slows training on this machine."""
_STOPPING_REFRESH_SECONDS = 0.25
"""The refresh while a run stops is more frequent, because the user waits for it."""
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
    // When the component is removed, restore the page's title, unless it has changed since.
    return () => { if (document.title === data) document.title = before; };
}
""",
)


def watch_run(run_id: int, scale: LossScale, unfinished: RunStates) -> None:
    """Show a run, and refresh the view while any run is unfinished.

    Args:
        run_id: The run to show.
        scale: Scale of the loss chart.
        unfinished: The states on which the rest of the page depends. When a state changes, the
            whole page is rerun.
    """
    interval = None
    if unfinished:
        is_stopping = any(state is RunState.STOPPING for _, state in unfinished)
        interval = _STOPPING_REFRESH_SECONDS if is_stopping else _REFRESH_SECONDS
    with st.container(key="live"):
        st.html(_NO_FADING)
        st.fragment(catch_errors(_refresh), run_every=interval)(run_id, scale, unfinished)


def _refresh(run_id: int, scale: LossScale, unfinished: RunStates) -> None:
    store = get_store()
    try:
        states = store.states([each for each, _ in unfinished])
        run = store.run(run_id)
    except UserError:  # deleted in another tab
        st.rerun()
    if states != unfinished:
        st.rerun()  # the buttons of the page depend on the states
    figures = get_live_figures(store, run, scale)
    _show_state(run, figures.progress if figures else None)
    if not figures:
        return
    with st.container(horizontal=True):
        for label, value, detail, help_ in figures.tiles:
            st.metric(
                label, value, detail, delta_color="off", delta_arrow="off", border=True,
                help=help_, width="stretch",
            )  # fmt: skip
    for caption in figures.captions:
        st.caption(caption)
    draw_charts(figures.charts, f"live_{run.id}")
    st.subheader("Sample translations")
    if figures.translations is None:
        st.caption("Translations appear at the first evaluation.")
    else:
        alt = "Source sentences, their references, and the translations at some evaluations"
        st.table(figures.translations, hide_index=True, alt=alt)


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
