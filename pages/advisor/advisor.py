"""Which batch size a sweep speaks for, how sure that is, and why."""

import streamlit as st

from pages.shared import state as shared
from pages.shared.chart import chart
from pages.shared.errors import guarded
from pages.shared.escaping import inert
from pages.shared.records import records
from pages.shared.sweeps import all_sweeps, chosen_sweep
from s2s.analysis.advice.gradient_noise import noise_sentence
from s2s.analysis.advice.sweep_advice import (
    SweepAdvice,
    confirmation,
    confirming_run,
    run_for_noise,
    sweep_advice,
)
from s2s.analysis.sweep.figures import finished_runs, memory_points
from s2s.analysis.sweep.memory import memory_law, memory_sentence
from s2s.analysis.sweep.speed_curve import speed_text
from s2s.charts.batch_law import steps_figure, steps_text
from s2s.charts.memory_law import memory_figure, memory_text
from s2s.charts.speed_curve import speed_figure
from s2s.charts.time_to_target import time_figure, time_text
from s2s.config import Engine, TrainConfig, UserError
from s2s.formatting import run_label
from s2s.records import RunState, Sweep
from s2s.store.gradient_noise import kept_noise
from s2s.sweeps.memory import available_bytes


def choices(sweep: Sweep) -> tuple[Engine, float]:
    """The engine, and the target; 0: the lowest that all runs reached."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        engines = list(sweep.config.engines)
        engine = engines[0]
        if len(engines) > 1:
            engine = st.segmented_control("Engine", engines, default=engine, required=True)
        target = st.number_input(
            "Target: validation loss a token", min_value=0.0, max_value=100.0, step=0.1,
            value=sweep.config.target_loss, key=f"target_{sweep.id}", width=260,
            help="0: the lowest that all runs reached.",
        )  # fmt: skip
    return Engine(engine), float(target)


def answer(found: SweepAdvice) -> None:
    """The paragraph, and the figures that it rests on."""
    advice = found.advice
    with st.container(border=True):
        good = advice.good_sizes
        if good:
            st.subheader(f"Batch size {good[0]:,}" + (f" to {good[-1]:,}" if len(good) > 1 else ""))
        else:
            st.subheader("Not identifiable from these runs")
        st.write(advice.paragraph)
    revision = f"{found.engine} {advice.target_loss}"
    chart(time_figure(advice.times, revision=revision), time_text(advice.times), "advisor_time")
    figure = steps_figure(found.points, advice.law, revision=revision)
    chart(figure, steps_text(found.points), "advisor_steps")
    chart(
        speed_figure([found.speed], revision=revision), speed_text([found.speed]), "advisor_speed"
    )
    for note in found.notes:
        st.caption(note)


def noise(sweep: Sweep, found: SweepAdvice) -> None:
    """The gradient noise scale against the critical batch size; a button that measures it."""
    runs = finished_runs(sweep, Engine(found.engine))
    kept = kept_noise(shared.store(), [run.id for run in runs])
    for each in kept:
        st.write(noise_sentence(each, found.advice.law.b_crit))
    run = run_for_noise(sweep, found)
    if kept or run is None:
        return
    now = shared.manager().noise_progress(run.id)
    if isinstance(now, float):
        st.fragment(guarded(noise_progress), run_every="1s")(run.id)
        return
    if now:
        st.warning(inert(now))
    st.button(
        f"Check it by the gradient noise of run {run.id}",
        icon=":material/graphic_eq:",
        on_click=guarded(shared.manager().measure_noise),
        args=(run.id,),
        help="Takes up to a minute. A cross-check that can be far off, and never the judge.",
    )


def noise_progress(run_id: int) -> None:
    """How far the measurement is; the page is drawn again when it is over."""
    now = shared.manager().noise_progress(run_id)
    if isinstance(now, float):
        st.progress(now, f"Gradients of run {run_id}")
    else:
        st.rerun()


def memory(sweep: Sweep, engine: Engine) -> None:
    """What a batch size takes, and the largest that is predicted to fit."""
    law = memory_law(memory_points(sweep, engine))
    runs = finished_runs(sweep, engine)
    if law.points:
        chart(
            memory_figure(law, revision=f"{sweep.id} {engine}"), memory_text(law), "advisor_memory"
        )
    st.write(memory_sentence(law, available_bytes(shared.store(), runs)))


def confirm(sweep: Sweep, found: SweepAdvice) -> None:
    """One button that makes the confirming run; predicted against actual once it is over."""
    config = confirming_run(sweep, found)
    made = [run for run in shared.store().runs() if run.config == config]
    if not made:
        st.button(
            f"Confirm with one more run at {config.batch_size:,}",
            icon=":material/verified:",
            on_click=guarded(submit),
            args=(config,),
            help="A seed that no repeat had, up to the target; then predicted against actual.",
        )
    elif not made[0].state.is_finished():
        st.info(f"The confirming run, {inert(run_label(made[0]))}, is {made[0].state}.")
    elif made[0].state is RunState.FINISHED:
        _, evaluations, _ = records(shared.store(), made[0].id)
        st.success(confirmation(found, evaluations))
    else:
        st.warning(f"The confirming run {made[0].state}: {inert(made[0].message)}")


def submit(config: TrainConfig) -> None:
    """Queues the confirming run."""
    try:
        shared.manager().submit([config])
    except UserError as error:
        st.error(inert(error))


st.title("Advisor")
sweeps = all_sweeps()
if not sweeps:
    st.write("The advisor reads a sweep: many batch sizes, a few repeats of each.")
    st.page_link(
        "pages/sweep/sweep.py", label="Start a sweep", icon=":material/stacked_line_chart:"
    )
    st.stop()
sweep = chosen_sweep(sweeps)
engine, target_loss = choices(sweep)
evaluations = {run.id: records(shared.store(), run.id)[1] for run in finished_runs(sweep, engine)}
try:
    found = sweep_advice(sweep, engine, evaluations, target_loss)
except UserError as error:
    st.info(inert(error))
    st.page_link("pages/sweep/sweep.py", label="To the sweep", icon=":material/stacked_line_chart:")
else:
    answer(found)
    confirm(sweep, found)
    noise(sweep, found)
memory(sweep, engine)
