"""One sample sentence through the models of all batch sizes of a sweep."""

import math

import pandas as pd
import streamlit as st

from pages.shared.address import segmented_choice
from pages.shared.escaping import escape
from pages.shared.state import get_store
from s2s import formatting as words
from s2s.analysis.run.steps import Axis
from s2s.analysis.sweep.translations import (
    TranslatingRun,
    common_extent,
    first_finished_runs,
    sample_sentences,
    select_translating_runs,
    translations_at,
)
from s2s.config import Engine
from s2s.errors import shorten
from s2s.records import Sweep


def translations(sweep: Sweep, engine: Engine) -> None:
    """Show the selected sentence at equal samples or equal training time."""
    runs = first_finished_runs(sweep, engine)
    evaluations = {run.id: get_store().evaluations(run.id) for run in runs}
    translating = select_translating_runs(runs, evaluations)
    pairs = sample_sentences(translating)
    if not pairs:
        st.caption("Sample translations appear after the first finished runs.")
        return
    pair = st.selectbox("Sentence", pairs, format_func=lambda pair: pair[0])
    axis, amount = _select_point(translating)
    rows = translations_at(translating, pair, axis, amount)
    # st.table wraps text, unlike a dataframe, but renders Markdown; hence the escaping.
    columns = {
        "Batch size": [f"{each.batch_size:,}" for each in rows],
        "Translation": [
            words.UNKNOWN if each.output is None else escape(shorten(each.output)) for each in rows
        ],
        "Samples": [f"{each.samples:,}" for each in rows],
        "Seconds": [f"{each.seconds:,.1f}" for each in rows],
        "Evaluated after": [f"{each.iteration:,} iterations" for each in rows],
    }
    st.table(pd.DataFrame(columns), hide_index=True, alt="The translation by each batch size")
    notes = [f"Reference: {escape(pair[1])}"] if pair[1] else []
    if not sweep.config.base.sentences:
        notes.append(
            "These are held-out pairs of the corpus. Enter your own sentences under More options "
            "when you start a sweep."
        )
    notes.append(
        "Each row shows the first repeat of a batch size at its last evaluation up to that point."
    )
    st.caption("  \n".join(notes))


def _select_point(runs: list[TranslatingRun]) -> tuple[Axis, float]:
    """Return the selected axis and point, at most where every size has been evaluated."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = segmented_choice("Compare at equal", [Axis.SAMPLES, Axis.SECONDS], "sweep_equal")
        limit, key = common_extent(runs, axis), f"sweep_at_{axis}"
        is_samples = axis is Axis.SAMPLES
        most = int(limit) if is_samples else math.ceil(10 * limit) / 10
        if not most:
            return axis, limit
        st.session_state[key] = min(st.session_state.get(key, most), most)
        amount = st.slider(
            "Samples" if is_samples else "Seconds of training", type(most)(0), most, key=key,
            format="localized" if is_samples else "%.1f", persist_state="session",
            help="Up to where every batch size has been evaluated.",
        )  # fmt: skip
    return axis, float(amount)
