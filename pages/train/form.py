"""The form for new runs: presets, the main settings, further settings, expected duration."""

import dataclasses
from collections.abc import Callable, Sequence
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
    select_with_help,
    split_sentences,
    unavailable_without_gpu,
)
from pages.shared.state import get_estimator, get_store
from pages.train.presets import ARTICLE_PAIR, PRESETS, Preset
from s2s.config import UNLIMITED, Engine, OptimizerName, TrainConfig
from s2s.errors import UserError
from s2s.formatting import format_device, format_duration, format_step_time
from s2s.records import RunState

OPEN = "new_run_open"
_ITERATIONS, _TIME = "Iterations", "Time"
_SHARED_NAMES = (
    "corpus", "iterations", "engine", "hidden_size", "layers", "dropout", "optimizer",
    "learning_rate", "momentum", "teacher_forcing", "length_pool", "seed", "device", "precision",
    "threads", "evaluate_every", "measure_quality", "keep_optimizer",
)  # fmt: skip
"""Settings that have the same name and value in the form and in the configuration."""


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
            key="start_runs",
            type="primary",
            icon=":material/play_arrow:",
            disabled=not configs,
            # Not with `configs`: a click can arrive before the last change was drawn.
            on_click=catch_errors(lambda: start(_build_configs())),
        )
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
        corpus_select(_key("corpus"))
    with middle:
        batch_size_select(
            _key("batch_sizes"),
            "Sentence pairs per step. Several sizes train one after the other, so that they do not "
            "slow each other down.",
        )
    with right, st.container(horizontal=True):
        st.segmented_control(
            "Length", [_ITERATIONS, _TIME], key=_key("length"), required=True,
            persist_state="session",
        )  # fmt: skip
        if st.session_state[_key("length")] == _TIME:
            _number(
                "Seconds", "max_seconds", 1.0, 1e6, 30.0, "%.0f",
                help_="Training time, without evaluations.",
            )  # fmt: skip
        else:
            _number(
                "Iterations", "iterations", 1, 100_000_000, 500,
                help_="Optimizer steps, one batch each.",
            )  # fmt: skip


def _more_settings() -> None:
    model, learning, machine = st.columns(3)
    with model:
        st.markdown("**Model**")
        select_with_help(
            "Engine", _key("engine"), ENGINES, Engine.FUSED,
            unavailable=unavailable_without_gpu(Engine.GRAPHED),
        )  # fmt: skip
        _number("Hidden size", "hidden_size", 1, 8192, 32)
        _number("Layers", "layers", 1, 8, 1)
        _number("Dropout", "dropout", 0.0, 0.95, 0.05)
    with learning:
        st.markdown("**Learning**")
        st.selectbox(
            "Optimizer", list(OptimizerName), key=_key("optimizer"), persist_state="session"
        )
        _number("Learning rate", "learning_rate", 0.0, 100.0, 1e-4, "%.6g")
        _number("Momentum", "momentum", 0.0, 0.999, 0.05, help_="Not used by Adam.")
        _number(
            "Teacher forcing", "teacher_forcing", 0.0, 1.0, 0.1,
            help_="Share of batches decoded from the reference instead of the model's own output.",
        )  # fmt: skip
        _number(
            "Length pool", "length_pool", 0, 1000, 10,
            help_="Batches drawn together and grouped by sentence length. More saves padding but "
            "makes batches less random. 0: each batch is drawn independently.",
        )  # fmt: skip
        _number("Seed", "seed", 0, 2**31 - 1, 1)
    with machine:
        st.markdown("**Machine and records**")
        machine_widgets(_key(""))
        _number(
            "Iterations between evaluations", "evaluate_every", 0, 100_000_000, 100,
            help_="0: about ten evaluations per run.",
        )  # fmt: skip
        st.checkbox(
            "Measure BLEU and chrF at the end", key=_key("measure_quality"),
            help="Translates the test split after the last step; not part of the training time.",
            persist_state="session",
        )  # fmt: skip
        st.checkbox(
            "Keep the optimizer state", key=_key("keep_optimizer"),
            help="Lets you continue training exactly where it ended; takes about three times the "
            "disk space.",
            persist_state="session",
        )  # fmt: skip
    sample_sentences_area(_key("sentences"))


def _number(
    label: str, name: str, minimum: float, maximum: float, step: float, format_: str | None = None,
    *, help_: str | None = None,
) -> None:  # fmt: skip
    st.number_input(
        label, min_value=minimum, max_value=maximum, step=step, format=format_, key=_key(name),
        help=help_, persist_state="session",
    )  # fmt: skip


def _build_configs() -> list[TrainConfig]:
    values = {name: st.session_state[_key(name)] for name in _SHARED_NAMES}
    if st.session_state[_key("length")] == _TIME:
        values["iterations"] = UNLIMITED
        values["max_seconds"] = st.session_state[_key("max_seconds")]
    base = TrainConfig(sentences=split_sentences(st.session_state[_key("sentences")]), **values)
    sizes = parse_selected_sizes(st.session_state[_key("batch_sizes")])
    return [dataclasses.replace(base, batch_size=size) for size in sizes]


def _show_expected_duration(configs: list[TrainConfig]) -> None:
    """Show how long the runs will take, and refresh while that is being measured."""

    def tick() -> None:
        if _draw_expected_duration(configs):
            st.rerun()  # draw it once more, without a timer

    place = st.empty()
    with place.container():
        is_final = _draw_expected_duration(configs)
    if not is_final:
        with place.container():
            st.fragment(catch_errors(tick), run_every="1s")()


def _draw_expected_duration(configs: list[TrainConfig]) -> bool:
    """Draw the expected duration and return whether it is final."""
    try:
        expected = [get_estimator().estimate_run(config) for config in configs]
    except UserError as error:
        st.caption(f":red[{escape(error)}]")
        return True
    known = [each for each in expected if each is not None]
    if len(known) < len(configs):
        is_training = any(run.state is RunState.RUNNING for run in get_store().runs())
        when = " once the current run has ended" if is_training else ""
        st.caption(f"Measuring step times{when}…")
        return False
    total = format_duration(sum(each.total_seconds for each in known))
    steps = ", ".join(
        f"batch size {config.batch_size:,}: {format_step_time(each.step_seconds)} per step"
        for config, each in zip(configs, known, strict=True)
    )
    basis = ", ".join(dict.fromkeys(each.basis for each in known))
    st.caption(
        f"About **{total}** in total on {format_device(known[0].device)} ({steps}; from {basis})."
    )
    return True
