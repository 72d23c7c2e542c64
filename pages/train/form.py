"""The form for a new run: presets, the usual choices, more folded away, expected duration."""

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.form_widgets import (
    ENGINES,
    machine_choices,
    select_one_of,
    sentences,
    sentences_to_follow,
    without_gpu,
)
from pages.shared.state import get_manager, get_store
from pages.train import presets
from s2s.config import UNLIMITED, Engine, OptimizerName, TrainConfig
from s2s.data import catalog
from s2s.errors import UserError, quote
from s2s.formatting import format_device, format_duration, format_step_time
from s2s.paths import corpora_folder
from s2s.records import RunState

OPEN = "new_run_open"
_COMMON_SIZES = [str(2**power) for power in range(10)]
_ITERATIONS, _TIME = "Iterations", "Time"
# Choices that the form holds under the same name as the configuration.
_SAME = (
    "corpus", "iterations", "engine", "hidden_size", "layers", "dropout", "optimizer",
    "learning_rate", "momentum", "teacher_forcing", "length_pool", "seed", "device", "precision",
    "threads", "evaluate_every", "measure_quality", "keep_optimizer",
)  # fmt: skip


def _key(name: str) -> str:
    return f"form_{name}"


def fill(configs: Sequence[TrainConfig]) -> None:
    """Puts configurations that differ in their batch size only into the form."""
    first = configs[0]
    values: dict[str, Any] = {name: getattr(first, name) for name in _SAME}
    values["batch_sizes"] = [str(each.batch_size) for each in configs]
    values["length"] = _TIME if first.max_seconds else _ITERATIONS
    values["max_seconds"] = first.max_seconds or 60.0
    values["sentences"] = "\n".join(first.sentences)
    if first.max_seconds:
        values["iterations"] = 1000
    for name, value in values.items():
        st.session_state[_key(name)] = value


def form(start: Callable[[list[TrainConfig]], None]) -> None:
    """Draws the form; its button calls `start` with one configuration a batch size."""
    if _key("corpus") not in st.session_state:
        fill(presets.configs(presets.ARTICLE_PAIR))
    _presets()
    _usual_choices()
    with st.expander("More choices", icon=":material/tune:"):
        _more_choices()
    try:
        configs = _configs()
    except UserError as error:
        st.error(escape(error))
        configs = []
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Start" if len(configs) < 2 else f"Start {len(configs)} runs",
            type="primary",
            icon=":material/play_arrow:",
            disabled=not configs,
            # Not with `configs`: a click can come before a change of a choice was drawn.
            on_click=catch_errors(lambda: start(_configs())),
        )
        if configs:
            _expected(configs)


def _presets() -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Begin with", width="content")
        for name, (what, _, _) in presets.PRESETS.items():
            st.button(
                name,
                help=what,
                key=_key(name),
                on_click=lambda name=name: fill(
                    presets.configs(name, st.session_state[_key("corpus")])
                ),
            )


def _usual_choices() -> None:
    infos = {info.name: info for info in catalog.list_corpora(corpora_folder())}
    names = list(dict.fromkeys([catalog.STARTER, *infos]))
    if st.session_state[_key("corpus")] not in names:  # removed since the run that used it
        st.session_state[_key("corpus")] = catalog.STARTER

    def corpus_label(name: str) -> str:
        if name in infos:
            return f"{name} · {infos[name].training_pairs:,} pairs"
        return f"{name} (built in)"

    left, middle, right = st.columns([3, 4, 5])
    with left:
        st.selectbox(
            "Corpus", names, key=_key("corpus"), format_func=corpus_label, persist_state="session"
        )
    with middle:
        st.multiselect(
            "Batch sizes",
            _COMMON_SIZES,
            key=_key("batch_sizes"),
            accept_new_options=True,
            select_all=False,
            placeholder="Choose or type a number",
            help="Sentences a step. Several are trained one after the other, so that they do not "
            "slow each other down.",
            persist_state="session",
        )
    with right, st.container(horizontal=True):
        st.segmented_control(
            "Train by",
            [_ITERATIONS, _TIME],
            key=_key("length"),
            required=True,
            persist_state="session",
        )
        if st.session_state[_key("length")] == _TIME:
            st.number_input(
                "Seconds",
                min_value=1.0,
                max_value=1e6,
                step=30.0,
                format="%.0f",
                key=_key("max_seconds"),
                help="Of training; evaluations are not counted.",
                persist_state="session",
            )
        else:
            st.number_input(
                "Iterations",
                min_value=1,
                max_value=100_000_000,
                step=500,
                key=_key("iterations"),
                help="Steps of the optimizer, one batch each.",
                persist_state="session",
            )


def _more_choices() -> None:
    model, learning, machine = st.columns(3)
    with model:
        st.markdown("**Model**")
        select_one_of(
            "Engine", _key("engine"), ENGINES, Engine.FUSED, without=without_gpu(Engine.GRAPHED)
        )
        _number("Hidden size", "hidden_size", 1, 8192, 32)
        _number("Layers", "layers", 1, 8, 1)
        _number("Dropout", "dropout", 0.0, 0.95, 0.05)
    with learning:
        st.markdown("**Learning**")
        _select("Optimizer", "optimizer", list(OptimizerName))
        _number("Learning rate", "learning_rate", 0.0, 100.0, 1e-4, "%.6g")
        _number("Momentum", "momentum", 0.0, 0.999, 0.05, help_="Not used by Adam.")
        _number(
            "Teacher forcing", "teacher_forcing", 0.0, 1.0, 0.1,
            help_="Share of the batches that are decoded along the reference.",
        )  # fmt: skip
        _number(
            "Length pool", "length_pool", 0, 1000, 10,
            help_="So many batches are drawn at once and cut by length: less padding, but "
            "sentences of like length then stand together. 0: each batch by itself.",
        )  # fmt: skip
        _number("Seed", "seed", 0, 2**31 - 1, 1)
    with machine:
        st.markdown("**Machine and records**")
        machine_choices(_key(""))
        _number(
            "Evaluate every … iterations", "evaluate_every", 0, 100_000_000, 100,
            help_="0: about ten times a run.",
        )  # fmt: skip
        st.checkbox(
            "Measure BLEU and chrF at the end",
            key=_key("measure_quality"),
            help="Translates the corpus's test part after the last step; the time it takes is not "
            "training time.",
            persist_state="session",
        )
        st.checkbox(
            "Keep the optimizer's state",
            key=_key("keep_optimizer"),
            help="Training can then go on exactly where it ended; takes about three times the "
            "disk space.",
            persist_state="session",
        )
    sentences_to_follow(_key("sentences"))


def _select(label: str, name: str, options: list[Any], help_: str | None = None) -> None:
    st.selectbox(label, options, key=_key(name), help=help_, persist_state="session")


def _number(
    label: str, name: str, least: float, most: float, step: float, format_: str | None = None,
    *, help_: str | None = None,
) -> None:  # fmt: skip
    st.number_input(
        label,
        min_value=least,
        max_value=most,
        step=step,
        format=format_,
        key=_key(name),
        help=help_,
        persist_state="session",
    )


def batch_sizes(texts: Sequence[str]) -> list[int]:
    """What was chosen or typed, in order and once each. UserError for what is no number."""
    if not texts:
        raise UserError("Choose at least one batch size, such as 32.")
    numbers = []
    for part in ",".join(texts).replace(";", ",").replace(" ", ",").split(","):
        if part and not re.fullmatch("[0-9]{1,9}", part):
            raise UserError(f"A batch size is a whole number such as 32; got {quote(part)}.")
        if part:
            numbers.append(int(part))
    return list(dict.fromkeys(numbers))


def _configs() -> list[TrainConfig]:
    values = {name: st.session_state[_key(name)] for name in _SAME}
    if st.session_state[_key("length")] == _TIME:
        values["iterations"] = UNLIMITED
        values["max_seconds"] = st.session_state[_key("max_seconds")]
    one = TrainConfig(sentences=sentences(st.session_state[_key("sentences")]), **values)
    sizes = batch_sizes(st.session_state[_key("batch_sizes")])
    return [dataclasses.replace(one, batch_size=size) for size in sizes]


def _expected(configs: list[TrainConfig]) -> None:
    """How long it will take; asks again each second while that is being measured."""

    def draw() -> bool:
        """True when all is known."""
        try:
            expected = [get_manager().expected_seconds(config) for config in configs]
        except UserError as error:
            st.caption(f":red[{escape(error)}]")
            return True
        known = [each for each in expected if each is not None]
        if len(known) < len(configs):
            training = any(run.state is RunState.RUNNING for run in get_store().runs())
            st.caption(
                "How long a step takes is measured when the running training has ended."
                if training
                else "Measuring how long a step takes here…"
            )
            return False
        total = format_duration(sum(each.total_seconds for each in known))
        steps = ", ".join(
            f"batch {config.batch_size:,}: {format_step_time(each.step_seconds)} a step"
            for config, each in zip(configs, known, strict=True)
        )
        basis = ", ".join(dict.fromkeys(each.basis for each in known))
        on = format_device(known[0].device)
        st.caption(f"About **{total}** in all on {on} ({steps}; from {basis}).")
        return True

    def tick() -> None:
        if draw():
            st.rerun()  # to be drawn without a timer from now on

    place = st.empty()
    with place.container():
        ready = draw()
    if not ready:
        with place.container():
            st.fragment(catch_errors(tick), run_every="1s")()
