"""The form for new runs: presets, settings and the expected duration."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import streamlit as st

from pages.shared import widgets
from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_estimator
from s2s.background.estimates import RunEstimate
from s2s.config import MAX_ITERATIONS, Engine, OptimizerName, TrainConfig
from s2s.errors import UserError
from s2s.formatting import format_device, format_duration, format_step_time

OPEN_KEY = "new_run_open"
"""Session-state key. Its value tells whether the form is open."""


class Preset(NamedTuple):
    """Settings that a button fills into the form."""

    name: str
    help: str
    configs: list[TrainConfig]
    """One configuration per batch size."""


ONE_MINUTE = Preset(
    "One minute",
    "60 seconds at batch size 128, with Adam and a learning rate of 0.003. This learns faster than "
    "the article's settings.",
    [
        TrainConfig(
            batch_size=128, max_seconds=60.0, iterations=MAX_ITERATIONS,
            optimizer=OptimizerName.ADAM, learning_rate=3e-3,
        )
    ],
)  # fmt: skip
ARTICLE_PAIR = Preset(
    "Article: batch sizes 2 and 32",
    "Batch sizes 2 and 32, 1,000 iterations each.",
    [TrainConfig(batch_size=size, iterations=1000) for size in (2, 32)],
)
ARTICLE_LONG = Preset(
    "Article: long run",
    "Batch size 32, 10,000 iterations, evaluated every 1,000.",
    [TrainConfig(batch_size=32, iterations=10_000, evaluate_every=1000)],
)
_ITERATIONS, _TIME = "Iterations", "Time"  # the two ways to limit a run
_FORM_FIELDS = (
    "corpus", "iterations", "engine", "hidden_size", "layers", "dropout", "optimizer",
    "learning_rate", "momentum", "teacher_forcing", "length_pool", "seed", "device", "precision",
    "threads", "evaluate_every", "measure_quality", "keep_optimizer",
)  # fmt: skip
"""Fields of `TrainConfig` that the form holds under the same names, with the same values."""
_HELP = {
    "batch_sizes": "Sentence pairs per step. Select several sizes to train one run per size. The "
    "runs train one after another, so that they do not slow each other down.",
    "max_seconds": "Limit of the training time. Evaluations are not counted.",
    "iterations": "Number of optimizer steps. Each trains on one batch.",
    "momentum": "Not used by Adam.",
    "teacher_forcing": "Share of batches in which the decoder reads the reference instead of the "
    "model's own output.",
    "length_pool": "Number of batches that are drawn together. Their pairs are grouped by length. "
    "A larger pool saves padding but makes batches less random. At 0, there is no pool.",
    "evaluate_every": "At 0, a run is evaluated about ten times.",
    "measure_quality": "Translates the test split after the last step. This is not counted as "
    "training time.",
    "keep_optimizer": "Lets you continue training exactly where it ended. The run then takes about "
    "three times the disk space.",
}


def fill_form(configs: list[TrainConfig]) -> None:
    """Fill the form from configurations that differ only in batch size."""
    first = configs[0]
    values: dict[str, Any] = {name: getattr(first, name) for name in _FORM_FIELDS}
    values["batch_sizes"] = [str(each.batch_size) for each in configs]
    values["length"] = _TIME if first.max_seconds else _ITERATIONS
    values["max_seconds"] = first.max_seconds or 60.0
    values["sentences"] = "\n".join(first.sentences)
    if first.max_seconds:
        values["iterations"] = 1000  # for a user who switches the limit
    st.session_state.update({f"form_{name}": value for name, value in values.items()})


def new_run_form(start: Callable[[list[TrainConfig]], None]) -> None:
    """Show the form. Its Start button calls `start` with one configuration per batch size."""
    if "form_corpus" not in st.session_state:
        fill_form(ARTICLE_PAIR.configs)
    _preset_buttons()
    _main_settings()
    with st.expander("More options", icon=":material/tune:"):
        _more_settings()
    try:
        configs = _build_configs()
    except UserError as error:
        st.error(escape(error))
        configs = []
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Start" if len(configs) < 2 else f"Start {len(configs)} runs",
            key="start_runs", type="primary", icon=":material/play_arrow:", disabled=not configs,
            # Reads the form again: a click can arrive before `configs` has the last change.
            on_click=catch_errors(lambda: start(_build_configs())),
        )  # fmt: skip
        if configs:
            catch_errors(_show_expected_duration)(configs)


def _preset_buttons() -> None:
    def apply(configs: list[TrainConfig]) -> None:
        corpus = st.session_state["form_corpus"]
        fill_form([dataclasses.replace(each, corpus=corpus) for each in configs])

    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Presets", width="content")
        for name, help_, configs in (ONE_MINUTE, ARTICLE_PAIR, ARTICLE_LONG):
            st.button(name, help=help_, key=f"form_{name}", on_click=apply, args=(configs,))


def _main_settings() -> None:
    left, middle, right = st.columns([3, 4, 5])
    with left:
        widgets.corpus_select("form_corpus")
    with middle:
        widgets.batch_size_select("form_batch_sizes", _HELP["batch_sizes"])
    with right, st.container(horizontal=True):
        length = st.segmented_control(
            "Length", [_ITERATIONS, _TIME], key="form_length", required=True,
            persist_state="session",
        )  # fmt: skip
        if length == _TIME:
            _number("Seconds", "max_seconds", 1.0, 1e6, step=30.0, format="%.0f")
        else:
            _number("Iterations", "iterations", 1, 100_000_000, step=500)


def _more_settings() -> None:
    model, learning, machine = st.columns(3)
    with model:
        st.markdown("**Model**")
        widgets.select_with_help("Engine", "form_engine", widgets.ENGINES, Engine.FUSED)
        _number("Hidden size", "hidden_size", 1, 8192, step=32)
        _number("Layers", "layers", 1, 8, step=1)
        _number("Dropout", "dropout", 0.0, 0.95, step=0.05)
    with learning:
        st.markdown("**Learning**")
        st.selectbox(
            "Optimizer", list(OptimizerName), key="form_optimizer", persist_state="session"
        )
        _number("Learning rate", "learning_rate", 0.0, 100.0, step=1e-4, format="%.6g")
        _number("Momentum", "momentum", 0.0, 0.999, step=0.05)
        _number("Teacher forcing", "teacher_forcing", 0.0, 1.0, step=0.1)
        _number("Length pool", "length_pool", 0, 1000, step=10)
        _number("Seed", "seed", 0, 2**31 - 1, step=1)
    with machine:
        st.markdown("**Machine and records**")
        widgets.machine_widgets("form_")
        _number("Iterations between evaluations", "evaluate_every", 0, 100_000_000, step=100)
        _checkbox("Measure BLEU and chrF at the end", "measure_quality")
        _checkbox("Keep the optimizer state", "keep_optimizer")
    widgets.sample_sentences_area("form_sentences")


def _number(label: str, name: str, minimum: float, maximum: float, **kwargs: Any) -> None:
    key, help_ = f"form_{name}", _HELP.get(name)
    st.number_input(label, minimum, maximum, key=key, help=help_, persist_state="session", **kwargs)


def _checkbox(label: str, name: str) -> None:
    st.checkbox(label, key=f"form_{name}", help=_HELP[name], persist_state="session")


def _build_configs() -> list[TrainConfig]:
    values = {name: st.session_state[f"form_{name}"] for name in _FORM_FIELDS}
    if st.session_state["form_length"] == _TIME:
        values["iterations"] = MAX_ITERATIONS
        values["max_seconds"] = st.session_state["form_max_seconds"]
    sentences = widgets.split_sentences(st.session_state["form_sentences"])
    base = TrainConfig(sentences=sentences, **values)
    sizes = widgets.parse_selected_sizes(st.session_state["form_batch_sizes"])
    return [dataclasses.replace(base, batch_size=size) for size in sizes]


def _show_expected_duration(configs: list[TrainConfig]) -> None:
    def estimate_runs() -> list[RunEstimate | None]:
        return [get_estimator().estimate_run(config) for config in configs]

    estimates = [each for each in estimate_runs() if each]
    if len(estimates) < len(configs):
        widgets.wait_for_estimate(lambda: all(estimate_runs()))
        return
    total = format_duration(sum(each.total_seconds for each in estimates))
    step_times = ", ".join(
        f"batch size {config.batch_size:,}: {format_step_time(estimate.step_seconds)} per step"
        for config, estimate in zip(configs, estimates, strict=True)
    )
    basis = ", ".join(dict.fromkeys(each.basis for each in estimates))
    st.caption(
        f"About **{total}** in total on {format_device(estimates[0].device)} ({step_times}; "
        f"estimated from {basis})."
    )
