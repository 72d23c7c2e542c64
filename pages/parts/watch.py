"""The live view of one run: progress, figures, charts, translations. It only draws."""

import pandas as pd
import streamlit as st

from pages.parts import shared
from pages.parts.anatomy import anatomy
from pages.parts.guard import guarded
from pages.parts.inert import inert
from pages.parts.live_chart import chart
from pages.parts.records import records
from pages.parts.tab_title import tab_title
from s2s.analysis import words
from s2s.analysis.busy import busy
from s2s.analysis.lines import loss_line, loss_text, throughput_line, throughput_text
from s2s.analysis.progress import progress, progress_text
from s2s.analysis.progress import tab_title as tab_title_text
from s2s.analysis.readings import (
    peak_memory_bytes,
    reading_series,
    readings_text,
    run_memory_bytes,
)
from s2s.analysis.step_time import StepTime, step_time
from s2s.analysis.steps import (
    Axis,
    LossScale,
    Steps,
    last_loss,
    samples_per_second,
    target_tokens_per_second,
)
from s2s.analysis.translations import translation_table
from s2s.charts.loss import loss_figure
from s2s.charts.readings import readings_figure
from s2s.charts.throughput import throughput_figure
from s2s.config import UserError
from s2s.records import DeviceSample, Evaluation, Run, RunState

Active = tuple[tuple[int, RunState], ...]
"""The unfinished runs as the page body saw them."""


TICK_SECONDS = 2.0
"""Each tick takes time from the training, most of it in the browser beside it."""
STOPPING_TICK_SECONDS = 0.5
_STEADY = (
    # What is being drawn anew fades otherwise, and the browser draws each shade of it.
    "<style>.st-key-live .stElementContainer"
    " { opacity: 1 !important; transition: none !important; }</style>"
)


def watch(run_id: int, scale: LossScale, active: Active) -> None:
    """Draws the run; again every so often while anything is active."""
    stopping = any(state is RunState.STOPPING for _, state in active)
    every = STOPPING_TICK_SECONDS if stopping else TICK_SECONDS
    with st.container(key="live"):
        st.html(_STEADY)
        st.fragment(guarded(_tick), run_every=every if active else None)(run_id, scale, active)


def _tick(run_id: int, scale: LossScale, active: Active) -> None:
    store = shared.store()
    try:
        now = tuple((each, store.run(each).state) for each, _ in active)
        run = store.run(run_id)
    except UserError:  # deleted in another tab
        st.rerun()
    if now != active:
        st.rerun()  # the page body has other buttons now
    steps, evaluations, samples = records(store, run_id)
    _state(run, steps)
    if not len(steps):
        return
    timing = step_time(steps, run.config.teacher_forcing)
    _tiles(run, steps, samples, timing)
    _doubts(run, samples, timing)
    _charts(run, steps, evaluations, samples, scale)
    anatomy(run, steps)
    _translations(evaluations)


def _state(run: Run, steps: Steps) -> None:
    if run.state in (RunState.RUNNING, RunState.STOPPING) and len(steps):
        now = progress(run.config, steps)
        st.progress(now.share, text=progress_text(run.config, now))
        tab_title(tab_title_text(run.id, now))
        return
    sentence = inert(words.state_sentence(run))
    match run.state:
        case RunState.FINISHED:
            st.success(sentence, icon=":material/check_circle:")
        case RunState.FAILED | RunState.OUT_OF_MEMORY | RunState.DIVERGED:
            st.error(sentence, icon=":material/error:")
        case RunState.STOPPED | RunState.INTERRUPTED:
            st.warning(sentence, icon=":material/stop_circle:")
        case _:
            st.info(sentence, icon=":material/hourglass_empty:")
    if run.details:
        with st.expander("Technical details"):
            st.code(run.details, language=None)


def _tiles(run: Run, steps: Steps, samples: list[DeviceSample], timing: StepTime) -> None:
    per_token = last_loss(steps, LossScale.TOKEN)
    per_sentence = last_loss(steps, LossScale.SENTENCE)
    with st.container(horizontal=True):
        _tile(
            "Loss per token",
            words.loss(per_token),
            f"{words.loss(per_sentence, 1)} per sentence",
            "Mean of the last 50 steps, in nats. The article's figures are per sentence.",
        )
        _tile(
            "Samples per second",
            words.rate(samples_per_second(steps)),
            f"batch size {run.config.batch_size:,}",
            "Sentences of the timed steps over their wall time; warm-up left out.",
        )
        _tile(
            "Tokens per second",
            words.rate(target_tokens_per_second(steps)),
            "real target tokens",
            "Padding not counted.",
        )
        _tile(
            "Step time",
            words.step_time(timing.seconds),
            words.spread(timing.relative_iqr, timing.noise) or "median",
            "Median of the timed steps. IQR: how far the middle half of the run's stretches lies "
            "apart, each so long that lengths even out; noisy above 10 %, very noisy above 25 %.",
        )
        _tile(
            "Memory",
            words.size(_last_memory(run, samples)),
            f"{words.size(_peak(run, samples))} at most",
            "On a GPU what the run holds, on a CPU this program's resident memory.",
        )


def _doubts(run: Run, samples: list[DeviceSample], timing: StepTime) -> None:
    """Why the figures above might not be believed, and what they leave out."""
    reasons = [busy(run, samples)]
    if timing.noise:
        reasons.append(f"The step time is {timing.noise}: repeat the run before you rely on it.")
    if told := " ".join(filter(None, reasons)):
        st.caption(f":material/warning: {told}")
    if told := words.left_out(timing):
        st.caption(told)


def _tile(label: str, value: str, below: str, help_: str) -> None:
    st.metric(
        label, value, below, delta_color="off", delta_arrow="off", border=True, help=help_,
        width="stretch",
    )  # fmt: skip


def _last_memory(run: Run, samples: list[DeviceSample]) -> int | None:
    readings = [each for each in samples if each.device == run.device]
    return run_memory_bytes(readings[-1]) if readings else None


def _peak(run: Run, samples: list[DeviceSample]) -> int | None:
    if run.summary and run.summary.peak_memory_bytes is not None:
        return run.summary.peak_memory_bytes
    return peak_memory_bytes(samples, run.device)


def _charts(
    run: Run,
    steps: Steps,
    evaluations: list[Evaluation],
    samples: list[DeviceSample],
    scale: LossScale,
) -> None:
    loss = [loss_line(run, steps, evaluations, Axis.ITERATIONS, scale)]
    chart(
        loss_figure(loss, Axis.ITERATIONS, scale, revision=str(run.id)),
        loss_text(loss, Axis.ITERATIONS, scale),
        f"loss_{run.id}",
    )
    left, right = st.columns(2)
    with left:
        speed = [throughput_line(run, steps, Axis.ITERATIONS)]
        chart(
            throughput_figure(speed, Axis.ITERATIONS, revision=str(run.id)),
            throughput_text(speed, Axis.ITERATIONS),
            f"throughput_{run.id}",
        )
    with right:
        series = reading_series(samples)
        chart(
            readings_figure(series, revision=str(run.id)),
            readings_text(series),
            f"readings_{run.id}",
        )


def _translations(evaluations: list[Evaluation]) -> None:
    st.subheader("Translations as they improve")
    table = translation_table(evaluations)
    if not table.rows:
        st.caption("The first ones come with the first evaluation.")
        return
    # Real text that wraps, unlike a dataframe's; hence with its marks made inert.
    columns = {
        "Source": [inert(source) for source, _, _ in table.rows],
        "Reference": [inert(reference) for _, reference, _ in table.rows],
    }
    for index, iteration in enumerate(table.iterations):
        columns[f"After {iteration:,}"] = [
            inert(words.clipped(outputs[index])) for _, _, outputs in table.rows
        ]
    st.table(
        pd.DataFrame(columns),
        hide_index=True,
        alt="Source sentences, their references and the model's output after some iterations",
    )
