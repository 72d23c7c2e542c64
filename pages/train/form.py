"""The form for new runs: presets, the main settings, further settings, expected duration."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages.shared import form_widgets as widgets
from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_estimator
from pages.train.presets import ARTICLE_PAIR, PRESETS, Preset
from s2s.background.estimates import RunEstimate
from s2s.config import MAX_ITERATIONS, Engine, OptimizerName, TrainConfig
from s2s.errors import UserError
from s2s.formatting import format_device, format_duration, format_step_time

OPEN = "new_run_open"
_ITERATIONS, _TIME = "Iterations", "Time"
_SHARED_NAMES = (
    "corpus", "iterations", "engine", "hidden_size", "layers", "dropout", "optimizer",
    "learning_rate", "momentum", "teacher_forcing", "length_pool", "seed", "device", "precision",
    "threads", "evaluate_every", "measure_quality", "keep_optimizer",
)  # fmt: skip
"""Settings that have the same name and value in the form and in the configuration."""
_HELP = {
    "batch_sizes": "Sentence pairs per step. Several sizes train one after the other, so that they "
    "do not slow each other down.",
    "max_seconds": "Training time, without evaluations.",
    "iterations": "Optimizer steps, one batch each.",
    "momentum": "Not used by Adam.",
    "teacher_forcing": "Share of batches decoded from the reference instead of the model's own "
    "output.",
    "length_pool": "Batches drawn together and grouped by sentence length. More saves padding but "
    "makes batches less random. 0: each batch is drawn independently.",
    "evaluate_every": "0: about ten evaluations per run.",
    "measure_quality": "Translates the test split after the last step; not part of the training "
    "time.",
    "keep_optimizer": "Lets you continue training exactly where it ended; takes about three times "
    "the disk space.",
}


def _key(name: str) -> str:
    return f"form_{name}"


def fill_form(configs: Sequence[TrainConfig]) -> None:
    """Fill the form from configurations that differ only in batch size."""
    first = configs[0]
    values: dict[str, Any] = {name: getattr(first, name) for name in _SHARED_NAMES}
    values["batch_sizes"] = [str(each.batch_size) for each in configs]
    values["length"] = _TIME if first.max_seconds else _ITERATIONS
    values["max_seconds"] = first.max_seconds or 60.0
    values["sentences"] = "\n".join(first.sentences)
    if first.max_seconds:
        values["iterations"] = 1000
    for name, value in values.items():
        st.session_state[_key(name)] = value


def run_form(start: Callable[[list[TrainConfig]], None]) -> None:
    """Show the form; its button calls `start` with one configuration per batch size."""
    if _key("corpus") not in st.session_state:
        fill_form(ARTICLE_PAIR.build_configs())
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
            # Not with `configs`: a click can arrive before the last change was drawn.
            on_click=catch_errors(lambda: start(_build_configs())),
        )  # fmt: skip
        if configs:
            _show_expected_duration(configs)


def _preset_buttons() -> None:
    def apply(preset: Preset) -> None:
        fill_form(preset.build_configs(st.session_state[_key("corpus")]))

    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Presets", width="content")
        for preset in PRESETS:
            st.button(
                preset.name, help=preset.help, key=_key(preset.name), on_click=apply, args=(preset,)
            )


def _main_settings() -> None:
    left, middle, right = st.columns([3, 4, 5])
    with left:
        widgets.corpus_select(_key("corpus"))
    with middle:
        widgets.batch_size_select(_key("batch_sizes"), _HELP["batch_sizes"])
    with right, st.container(horizontal=True):
        length = st.segmented_control(
            "Length", [_ITERATIONS, _TIME], key=_key("length"), required=True,
            persist_state="session",
        )  # fmt: skip
        if length == _TIME:
            _number("Seconds", "max_seconds", 1.0, 1e6, 30.0, "%.0f")
        else:
            _number("Iterations", "iterations", 1, 100_000_000, 500)


def _more_settings() -> None:
    model, learning, machine = st.columns(3)
    with model:
        st.markdown("**Model**")
        unavailable = widgets.unavailable_without_gpu(Engine.GRAPHED)
        widgets.select_with_help(
            "Engine", _key("engine"), widgets.ENGINES, Engine.FUSED, unavailable
        )
        _number("Hidden size", "hidden_size", 1, 8192, 32)
        _number("Layers", "layers", 1, 8, 1)
        _number("Dropout", "dropout", 0.0, 0.95, 0.05)
    with learning:
        st.markdown("**Learning**")
        st.selectbox(
            "Optimizer", list(OptimizerName), key=_key("optimizer"), persist_state="session"
        )
        _number("Learning rate", "learning_rate", 0.0, 100.0, 1e-4, "%.6g")
        _number("Momentum", "momentum", 0.0, 0.999, 0.05)
        _number("Teacher forcing", "teacher_forcing", 0.0, 1.0, 0.1)
        _number("Length pool", "length_pool", 0, 1000, 10)
        _number("Seed", "seed", 0, 2**31 - 1, 1)
    with machine:
        st.markdown("**Machine and records**")
        widgets.machine_widgets(_key(""))
        _number("Iterations between evaluations", "evaluate_every", 0, 100_000_000, 100)
        _checkbox("Measure BLEU and chrF at the end", "measure_quality")
        _checkbox("Keep the optimizer state", "keep_optimizer")
    widgets.sample_sentences_area(_key("sentences"))


def _number(
    label: str, name: str, minimum: float, maximum: float, step: float, format_: str | None = None
) -> None:
    st.number_input(
        label, min_value=minimum, max_value=maximum, step=step, format=format_, key=_key(name),
        help=_HELP.get(name), persist_state="session",
    )  # fmt: skip


def _checkbox(label: str, name: str) -> None:
    st.checkbox(label, key=_key(name), help=_HELP[name], persist_state="session")


def _build_configs() -> list[TrainConfig]:
    values = {name: st.session_state[_key(name)] for name in _SHARED_NAMES}
    if st.session_state[_key("length")] == _TIME:
        values["iterations"] = MAX_ITERATIONS
        values["max_seconds"] = st.session_state[_key("max_seconds")]
    sentences = widgets.split_sentences(st.session_state[_key("sentences")])
    base = TrainConfig(sentences=sentences, **values)
    sizes = widgets.parse_selected_sizes(st.session_state[_key("batch_sizes")])
    return [dataclasses.replace(base, batch_size=size) for size in sizes]


def _show_expected_duration(configs: list[TrainConfig]) -> None:
    def estimate_runs() -> list[RunEstimate | None]:
        return [get_estimator().estimate_run(config) for config in configs]

    try:
        estimates = estimate_runs()
    except UserError as error:
        st.caption(f":red[{escape(error)}]")
        return
    known = [each for each in estimates if each]
    if len(known) < len(configs):
        widgets.wait_for_estimate(lambda: all(estimate_runs()))
        return
    total = format_duration(sum(each.total_seconds for each in known))
    steps = ", ".join(
        f"batch size {config.batch_size:,}: {format_step_time(each.step_seconds)} per step"
        for config, each in zip(configs, known, strict=True)
    )
    basis = ", ".join(dict.fromkeys(each.basis for each in known))
    st.caption(
        f"About **{total}** in total on {format_device(known[0].device)} ({steps}; from {basis})."
    )
