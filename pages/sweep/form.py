"""The form for a new sweep: sizes, repeats, the learning-rate rule, and what each part gets."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.shared.errors import guarded
from pages.shared.escaping import inert
from pages.shared.machine_choices import (
    ENGINES,
    machine_choices,
    sentences,
    sentences_to_follow,
    without_gpu,
)
from pages.sweep.estimate import estimate
from pages.train import form
from s2s.config import (
    Budget,
    Engine,
    OptimizerName,
    Precision,
    RateRule,
    SweepConfig,
    TrainConfig,
    UserError,
)
from s2s.data import catalog
from s2s.paths import corpora_folder

OPEN = "new_sweep_open"
_SIZES = [str(2**power) for power in range(1, 11)]
_AMOUNTS = {
    Budget.SAMPLES: 20_000.0,
    Budget.ITERATIONS: 1_000.0,
    Budget.SECONDS: 30.0,
    Budget.TARGET: 200_000.0,
}
_UNITS = {
    Budget.SAMPLES: "Samples each",
    Budget.ITERATIONS: "Iterations each",
    Budget.SECONDS: "Seconds each",
    Budget.TARGET: "Samples at most",
}
_RULES = (
    "constant: the same for all, as in the article.\n\n"
    "sqrt: times the square root of the batch size over 32; for RMSprop and Adam.\n\n"
    "linear: times the batch size over 32; for SGD."
)


def _key(name: str) -> str:
    return f"sweep_{name}"


def sweep_form(start: Callable[[SweepConfig], None]) -> None:
    """Its button calls `start` with the sweep."""
    _what()
    _how()
    with st.expander("More choices", icon=":material/tune:"):
        _more_choices()
    try:
        config = _config()
    except UserError as error:
        st.error(inert(error))
        return
    runs = len(config.batch_sizes) * len(config.engines) * config.repeats
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Start {runs:,} runs",
            type="primary",
            icon=":material/play_arrow:",
            # Not with `config`: a click can come before a change of a choice was drawn.
            on_click=guarded(lambda: start(_config())),
        )
        st.caption(
            "Each repeat visits every size once, in an order of its own, so that a slow stretch "
            "of the machine hits all sizes alike."
        )
    estimate(config)


def _what() -> None:
    names = [info.name for info in catalog.list_corpora(corpora_folder())]
    left, middle, right = st.columns([3, 6, 3])
    with left:
        _choose(
            st.selectbox,
            "Corpus",
            "corpus",
            options=list({catalog.STARTER: 0} | dict.fromkeys(names)),
        )
    with middle:
        _choose(
            st.multiselect, "Batch sizes", "sizes", default=["2", "8", "32", "128"],
            options=_SIZES, accept_new_options=True, select_all=False,
            placeholder="Choose or type a number",
        )  # fmt: skip
    with right:
        _choose(
            st.number_input, "Repeats", "repeats", default=3, min_value=1, max_value=100,
            help="Runs of each size, with seeds of their own: what intervals come from.",
        )  # fmt: skip


def _how() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _choose(
            st.segmented_control, "Equal", "budget", default=Budget.SAMPLES,
            options=list(Budget), required=True,
            help="What all runs get the same amount of; target: each trains until it reaches a "
            "validation loss.",
        )  # fmt: skip
        budget = st.session_state[_key("budget")]
        _choose(
            st.number_input, _UNITS[budget], f"amount_{budget}", default=_AMOUNTS[budget],
            min_value=1.0, max_value=1e9, format="%.0f", step=_AMOUNTS[budget] / 2, width=180,
        )  # fmt: skip
        if budget is Budget.TARGET:
            _choose(
                st.number_input, "Validation loss a token", "target", default=3.0,
                min_value=0.01, max_value=100.0, step=0.1, width=180,
            )  # fmt: skip
        _choose(
            st.segmented_control, "Learning rate", "rule", default=RateRule.SQRT,
            options=list(RateRule), required=True, help=_RULES,
        )  # fmt: skip


def _more_choices() -> None:
    for name, value in {"device": "auto", "precision": Precision.FP32, "threads": 0}.items():
        st.session_state.setdefault(_key(name), value)
    st.session_state.setdefault(_key("sentences"), "")
    model, learning, machine = st.columns(3)
    with model:
        st.markdown("**Model**")
        offered = [each for each in ENGINES if each not in without_gpu(Engine.GRAPHED)]
        kept = st.session_state.get(_key("engines"), [Engine.FUSED])
        st.session_state[_key("engines")] = [each for each in kept if each in offered]
        told = "\n\n".join(f"{each.value}: {ENGINES[each]}" for each in offered)
        _choose(st.multiselect, "Engines", "engines", options=offered, help=told)
        _choose(
            st.number_input, "Hidden size", "hidden_size", default=128,
            min_value=1, max_value=8192, step=32,
        )  # fmt: skip
    with learning:
        st.markdown("**Learning**")
        _choose(st.selectbox, "Optimizer", "optimizer", options=list(OptimizerName))
        _choose(
            st.number_input, "Learning rate at batch 32", "learning_rate", default=1e-3,
            min_value=1e-6, max_value=10.0, step=1e-4, format="%.6g",
        )  # fmt: skip
    with machine:
        st.markdown("**Machine**")
        machine_choices(_key(""))
    sentences_to_follow(_key("sentences"))
    _choose(
        st.checkbox, "After the largest size go on doubling until memory ends", "grow",
        default=False,
    )  # fmt: skip
    _choose(st.checkbox, "Keep the weights of every repeat", "keep", default=False)


def _choose(widget: Any, label: str, name: str, default: Any = None, **more: Any) -> None:
    """A widget that keeps its value while the session lasts."""
    if default is not None:
        st.session_state.setdefault(_key(name), default)
    widget(label, key=_key(name), persist_state="session", **more)


def _config() -> SweepConfig:
    def chosen(name: str) -> Any:
        return st.session_state[_key(name)]

    budget = chosen("budget")
    amount = st.session_state.get(_key(f"amount_{budget}"), _AMOUNTS[budget])
    base = TrainConfig(
        corpus=chosen("corpus"),
        optimizer=chosen("optimizer"),
        learning_rate=chosen("learning_rate"),
        hidden_size=chosen("hidden_size"),
        device=chosen("device"),
        precision=chosen("precision"),
        threads=chosen("threads"),
        sentences=sentences(chosen("sentences")),
    )
    return SweepConfig(
        base=base,
        batch_sizes=tuple(form.batch_sizes(chosen("sizes"))),
        grow_until_oom=chosen("grow"),
        engines=tuple(chosen("engines")),
        repeats=chosen("repeats"),
        rule=chosen("rule"),
        budget=budget,
        amount=amount if budget is Budget.SECONDS else int(amount),
        target_loss=chosen("target") if budget is Budget.TARGET else 0.0,
        keep_all_weights=chosen("keep"),
    )
