"""The form for a new sweep: batch sizes, repeats, budget and learning-rate scaling."""

from typing import Any

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.form_widgets import (
    ENGINES,
    batch_size_select,
    corpus_select,
    machine_widgets,
    parse_selected_sizes,
    sample_sentences_area,
    split_sentences,
    unavailable_without_gpu,
)
from pages.shared.state import get_scheduler
from pages.shared.sweeps import SELECTED
from pages.sweep.estimate import estimate
from s2s.config import (
    Budget,
    Engine,
    LearningRateRule,
    OptimizerName,
    Precision,
    SweepConfig,
    TrainConfig,
)
from s2s.errors import UserError

OPEN = "new_sweep_open"
_AMOUNTS = {
    Budget.SAMPLES: ("Samples per run", 20_000.0),
    Budget.ITERATIONS: ("Iterations per run", 1_000.0),
    Budget.SECONDS: ("Seconds per run", 30.0),
    Budget.TARGET: ("Maximum samples", 200_000.0),
}
"""Label and default of the amount."""
_MODEL_FIELDS = ("corpus", "optimizer", "learning_rate", "hidden_size")
_MACHINE_FIELDS = ("device", "precision", "threads")
_SWEEP_FIELDS = ("engines", "repeats", "learning_rate_rule", "grow_until_oom", "keep_all_weights")
_SCALING_HELP = (
    "How the learning rate follows the batch size.\n\n"
    "constant: the same for all sizes, as in the article.\n\n"
    "sqrt: scaled by √(batch size / 32), for RMSprop and Adam.\n\n"
    "linear: scaled by batch size / 32, for SGD."
)


def _key(name: str) -> str:
    return f"sweep_{name}"


def sweep_form() -> None:
    """Show the form, whose button starts the sweep, and the expected duration."""
    _corpus_sizes_repeats()
    _budget_and_scaling()
    with st.expander("More options", icon=":material/tune:"):
        _more_options()
    try:
        config = _build_config()
    except UserError as error:
        st.error(escape(error))
        return
    runs = len(config.batch_sizes) * len(config.engines) * config.repeats
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Start {runs:,} runs",
            type="primary",
            key="start_sweep",
            icon=":material/play_arrow:",
            on_click=catch_errors(_start),
        )
        st.caption(
            "Each repeat visits every size once in shuffled order, so that a slow period of the "
            "machine affects all sizes alike."
        )
    estimate(config)


def _start() -> None:
    """Start the sweep of the current values: a click can arrive before the last one was drawn."""
    st.session_state[SELECTED] = get_scheduler().submit_sweep(_build_config())
    st.session_state[OPEN] = False


def _corpus_sizes_repeats() -> None:
    st.session_state.setdefault(_key("sizes"), ["2", "8", "32", "128"])
    left, middle, right = st.columns([3, 6, 3])
    with left:
        corpus_select(_key("corpus"))
    with middle:
        batch_size_select(_key("sizes"))
    with right:
        _persistent(
            st.number_input, "Repeats", "repeats", default=3, min_value=1, max_value=100,
            help="Runs per batch size, each with its own seed. Intervals come from repeats.",
        )  # fmt: skip


def _budget_and_scaling() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _persistent(
            st.segmented_control, "Budget per run", "budget", default=Budget.SAMPLES,
            options=list(Budget), required=True,
            help="Every run gets the same amount. With `target`, a run trains until it reaches a "
            "validation loss.",
        )  # fmt: skip
        budget = st.session_state[_key("budget")]
        label, amount = _AMOUNTS[budget]
        _persistent(
            st.number_input, label, f"amount_{budget}", default=amount,
            min_value=1.0, max_value=1e9, format="%.0f", step=amount / 2, width=180,
        )  # fmt: skip
        if budget is Budget.TARGET:
            _persistent(
                st.number_input, "Target validation loss per token", "target", default=3.0,
                min_value=0.01, max_value=100.0, step=0.1, width=180,
            )  # fmt: skip
        _persistent(
            st.segmented_control, "Learning-rate scaling", "learning_rate_rule",
            default=LearningRateRule.SQRT, options=list(LearningRateRule), required=True,
            help=_SCALING_HELP,
        )  # fmt: skip


def _more_options() -> None:
    for name, value in {"device": "auto", "precision": Precision.FP32, "threads": 0}.items():
        st.session_state.setdefault(_key(name), value)
    st.session_state.setdefault(_key("sentences"), "")
    model, learning, machine = st.columns(3)
    with model:
        st.markdown("**Model**")
        offered = [each for each in ENGINES if each not in unavailable_without_gpu(Engine.GRAPHED)]
        selected = st.session_state.get(_key("engines"), [Engine.FUSED])
        st.session_state[_key("engines")] = [each for each in selected if each in offered]
        engine_help = "\n\n".join(f"{each.value}: {ENGINES[each]}" for each in offered)
        _persistent(st.multiselect, "Engines", "engines", options=offered, help=engine_help)
        _persistent(
            st.number_input, "Hidden size", "hidden_size", default=128,
            min_value=1, max_value=8192, step=32,
        )  # fmt: skip
    with learning:
        st.markdown("**Learning**")
        _persistent(st.selectbox, "Optimizer", "optimizer", options=list(OptimizerName))
        _persistent(
            st.number_input, "Learning rate at batch size 32", "learning_rate", default=1e-3,
            min_value=1e-6, max_value=10.0, step=1e-4, format="%.6g",
        )  # fmt: skip
    with machine:
        st.markdown("**Machine**")
        machine_widgets(_key(""))
    sample_sentences_area(_key("sentences"))
    growth = "After the largest size, double until out of memory"
    _persistent(st.checkbox, growth, "grow_until_oom", default=False)
    _persistent(st.checkbox, "Keep the weights of every repeat", "keep_all_weights", default=False)


def _persistent(widget: Any, label: str, name: str, default: Any = None, **more: Any) -> None:
    """Show a widget that keeps its value for the whole session."""
    if default is not None:
        st.session_state.setdefault(_key(name), default)
    widget(label, key=_key(name), persist_state="session", **more)


def _build_config() -> SweepConfig:
    def values(*names: str) -> dict[str, Any]:
        return {name: st.session_state[_key(name)] for name in names}

    sentences, sizes, budget = values("sentences", "sizes", "budget").values()
    amount = st.session_state.get(_key(f"amount_{budget}"), _AMOUNTS[budget][1])
    run = values(*_MODEL_FIELDS, *_MACHINE_FIELDS)
    return SweepConfig(
        base=TrainConfig(sentences=split_sentences(sentences), **run),
        batch_sizes=tuple(parse_selected_sizes(sizes)),
        budget=budget,
        amount=amount if budget is Budget.SECONDS else int(amount),
        target_loss=st.session_state[_key("target")] if budget is Budget.TARGET else 0.0,
        **values(*_SWEEP_FIELDS),
    )
