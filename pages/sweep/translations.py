"""One sentence through the models of all batch sizes of a sweep. It only draws."""

import math

import pandas as pd
import streamlit as st

from pages.shared import state as shared
from pages.shared.address import choice
from pages.shared.escaping import inert
from s2s import formatting as words
from s2s.analysis.run.steps import Axis
from s2s.analysis.sweep.translations import (
    Followed,
    Said,
    followed,
    reached,
    sentences,
    stand_ins,
    translations_at,
)
from s2s.config import Engine
from s2s.records import Sweep


def translations(sweep: Sweep, engine: Engine) -> None:
    """The chosen sentence at the chosen number of samples or seconds."""
    runs = stand_ins(sweep, engine)
    found = followed(runs, {run.id: shared.store().evaluations(run.id) for run in runs})
    pairs = sentences(found)
    if not pairs:
        st.caption("The first finished runs bring their translations.")
        return
    source, reference = st.selectbox("Sentence", pairs, format_func=lambda pair: pair[0])
    axis, amount = _where(found)
    _table(translations_at(found, (source, reference), axis, amount))
    told = [f"Reference: {inert(reference)}"] if reference else []
    if not sweep.config.base.sentences:
        told.append(
            "These are held-out pairs of the corpus; sentences of your own can be given when a "
            "sweep is started, under More choices."
        )
    told.append(
        "Each line is of the size's first repeat, as it was at its last evaluation up to there; "
        "samples are counted to the end of a step."
    )
    st.caption("  \n".join(told))


def _where(found: list[Followed]) -> tuple[Axis, float]:
    """As far as all sizes came."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = choice("At equal", [Axis.SAMPLES, Axis.SECONDS], "sweep_equal")
        limit, key = reached(found, axis), f"sweep_at_{axis}"
        most = int(limit) if axis is Axis.SAMPLES else math.ceil(10 * limit) / 10
        if not most:
            return axis, limit
        st.session_state[key] = min(st.session_state.get(key, most), most)
        amount = st.slider(
            "Samples" if axis is Axis.SAMPLES else "Seconds of training", type(most)(0), most,
            key=key, format="localized" if axis is Axis.SAMPLES else "%.1f",
            help="As far as every size was followed.", persist_state="session",
        )  # fmt: skip
    return axis, float(amount)


def _table(said: list[Said]) -> None:
    # Real text that wraps, unlike a dataframe's; hence with its marks made inert.
    columns = {
        "Batch size": [f"{each.batch_size:,}" for each in said],
        "Translation": [
            words.UNKNOWN if each.output is None else inert(words.clipped(each.output))
            for each in said
        ],
        "Samples": [f"{each.samples:,}" for each in said],
        "Seconds": [f"{each.seconds:,.1f}" for each in said],
        "Evaluated after": [f"{each.iteration:,} iterations" for each in said],
    }
    st.table(pd.DataFrame(columns), hide_index=True, alt="The sentence as each batch size has it")
