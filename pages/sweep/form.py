"""The form for a new sweep: settings and the expected duration."""

from enum import StrEnum
from typing import Any

import streamlit as st

from pages.shared import widgets
from pages.shared.errors import catch_errors, rerun_when
from pages.shared.state import get_estimator, get_scheduler
from pages.shared.sweeps import SELECTED_KEY
from s2s.background.estimates import SweepEstimate
from s2s.config import Budget, Engine, LearningRateRule, OptimizerName, SweepConfig, TrainConfig
from s2s.sweeps.plan import plan
from s2s.text.listing import describe_sweep_estimate

OPEN_KEY = "new_sweep_open"
"""Session-state key. Its value tells whether the form is open."""
_ESTIMATE_KEY = "sweep_estimate_of"
"""Session-state key of the configuration for which the user requested an estimate."""
_AMOUNTS = {
    Budget.SAMPLES: ("Samples per run", 20_000.0),
    Budget.ITERATIONS: ("Iterations per run", 1_000.0),
    Budget.SECONDS: ("Seconds per run", 30.0),
    Budget.TARGET: ("Maximum samples", 200_000.0),
}
"""Label and default value of the amount field, by budget."""
_RUN_FIELDS = (
    "corpus", "optimizer", "learning_rate", "hidden_size", "device", "precision", "threads",
)  # fmt: skip
_SWEEP_FIELDS = (
    "engines", "repeats", "learning_rate_rule", "budget", "grow_until_oom", "keep_all_weights",
)  # fmt: skip
"""Fields of `TrainConfig` and of `SweepConfig` that the form holds under the same names."""
_HELP = {
    "repeats": "Runs per batch size, each with its own seed. Repeats give results their intervals.",
    "budget": "Each run trains for the same number of samples, iterations or seconds. With "
    "`target`, a run ends as soon as it reaches the target loss.",
    "learning_rate_rule": "How the learning rate depends on the batch size.\n\n"
    "constant: the same for all sizes, as in the article.\n\n"
    "sqrt: scaled by √(batch size / 32), for RMSprop and Adam.\n\n"
    "linear: scaled by batch size / 32, for SGD.",
}


def new_sweep_form() -> None:
    """Show the form, its Start button and the expected duration of the sweep.

    Raises:
        UserError: The values in the form are invalid.
    """
    _main_options()
    with st.expander("More options", icon=":material/tune:"):
        _more_options()
    config = _build_config()
    run_count = len(config.batch_sizes) * len(config.engines) * config.repeats
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Start {run_count:,} runs", type="primary", key="start_sweep",
            icon=":material/play_arrow:", on_click=catch_errors(_start),
        )  # fmt: skip
        st.caption(
            "Each repeat trains every size once, in shuffled order. A period in which the machine "
            "is slow therefore affects all sizes alike."
        )
    _show_expected_duration(config)


def _start() -> None:
    # Read the form again: a click can arrive before the last change has been drawn.
    st.session_state[SELECTED_KEY] = get_scheduler().submit_sweep(_build_config())
    st.session_state[OPEN_KEY] = False


def _main_options() -> None:
    left, middle, right = st.columns([3, 6, 3])
    with left:
        widgets.corpus_select("sweep_corpus")
    with middle:
        st.session_state.setdefault("sweep_sizes", ["2", "8", "32", "128"])
        widgets.batch_size_select("sweep_sizes")
    with right:
        _number("Repeats", "repeats", 3, 1, 100)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _choice("Budget per run", "budget", Budget.SAMPLES)
        budget = st.session_state["sweep_budget"]
        label, amount = _AMOUNTS[budget]
        _number(
            label, f"amount_{budget}", amount, 1.0, 1e9, step=amount / 2, format="%.0f", width=180
        )
        if budget is Budget.TARGET:
            label = "Target validation loss per token"
            _number(label, "target", 3.0, 0.01, 100.0, step=0.1, width=180)
        _choice("Learning-rate scaling", "learning_rate_rule", LearningRateRule.SQRT)


def _more_options() -> None:
    st.session_state.setdefault("sweep_sentences", "")
    for name in ("device", "precision", "threads"):
        st.session_state.setdefault(f"sweep_{name}", getattr(TrainConfig, name))
    model, learning, machine = st.columns(3)
    with model:
        st.markdown("**Model**")
        offered = widgets.filter_available(widgets.ENGINES)
        selected = st.session_state.get("sweep_engines", [Engine.FUSED])
        st.session_state["sweep_engines"] = [each for each in selected if each in offered]
        st.multiselect(
            "Engines", list(offered), key="sweep_engines", persist_state="session",
            help="\n\n".join(f"{each.value}: {text}" for each, text in offered.items()),
        )  # fmt: skip
        _number("Hidden size", "hidden_size", 128, 1, 8192, step=32)
    with learning:
        st.markdown("**Learning**")
        optimizers = list(OptimizerName)
        st.selectbox("Optimizer", optimizers, key="sweep_optimizer", persist_state="session")
        label = "Learning rate at batch size 32"
        _number(label, "learning_rate", 1e-3, 1e-6, 10.0, step=1e-4, format="%.6g")
    with machine:
        st.markdown("**Machine**")
        widgets.machine_widgets("sweep_")
    widgets.sample_sentences_area("sweep_sentences")
    for label, name in (
        ("Keep doubling the batch size until out of memory", "grow_until_oom"),
        ("Keep the weights of every repeat", "keep_all_weights"),
    ):
        st.checkbox(label, key=f"sweep_{name}", persist_state="session")


def _number(
    label: str, name: str, default: float, minimum: float, maximum: float, **kwargs: Any
) -> None:
    key, help_ = f"sweep_{name}", _HELP.get(name)
    st.session_state.setdefault(key, default)
    st.number_input(label, minimum, maximum, key=key, help=help_, persist_state="session", **kwargs)


def _choice(label: str, name: str, default: StrEnum) -> None:
    st.session_state.setdefault(f"sweep_{name}", default)
    st.segmented_control(
        label, list(type(default)), key=f"sweep_{name}", required=True, help=_HELP[name],
        persist_state="session",
    )  # fmt: skip


def _build_config() -> SweepConfig:
    values = {name: st.session_state[f"sweep_{name}"] for name in _RUN_FIELDS}
    sentences = widgets.split_sentences(st.session_state["sweep_sentences"])
    budget = st.session_state["sweep_budget"]
    amount = st.session_state.get(f"sweep_amount_{budget}", _AMOUNTS[budget][1])
    return SweepConfig(
        base=TrainConfig(sentences=sentences, **values),
        batch_sizes=tuple(widgets.parse_selected_sizes(st.session_state["sweep_sizes"])),
        amount=amount if budget is Budget.SECONDS else int(amount),
        target_loss=st.session_state["sweep_target"] if budget is Budget.TARGET else 0.0,
        **{name: st.session_state[f"sweep_{name}"] for name in _SWEEP_FIELDS},
    )


def _show_expected_duration(config: SweepConfig) -> None:
    is_requested = st.session_state.get(_ESTIMATE_KEY) == config
    parts = plan(config)

    def estimate_sweep() -> SweepEstimate | None:
        return get_estimator().estimate_sweep(config, parts, run_trials=is_requested)

    if result := estimate_sweep():
        seconds, basis, device = result.total_seconds, result.basis, result.device
        st.caption(describe_sweep_estimate(config, len(parts), seconds, basis, device))
    elif is_requested:
        widgets.wait_for_estimate(lambda: estimate_sweep() is not None)
    else:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Estimate", icon=":material/timer:", key="sweep_estimate",
                on_click=st.session_state.update, args=({_ESTIMATE_KEY: config},),
                help="Trains a few steps at the smallest, the middle and the largest batch size.",
            )  # fmt: skip
            st.caption("No estimate yet: there are no earlier runs like these.", width="content")
        if not get_estimator().devices():  # without devices, no earlier run matches
            rerun_when(lambda: bool(get_estimator().devices()))
