"""The Advisor page: recommends a batch size from a sweep, with reasons and charts."""

import streamlit as st

from pages.shared.chart import draw_chart
from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_scheduler, get_store, read_records
from pages.shared.sweeps import list_sweeps, select_engine, select_sweep
from s2s.analysis.advice.advise import Advice, advise, plan_confirming_run, select_noise_run
from s2s.analysis.advice.target import find_seconds_to_target
from s2s.analysis.sweep.memory import collect_memory_points, fit_memory
from s2s.analysis.sweep.runs import list_finished_runs
from s2s.charts.advice import plot_steps_to_target, plot_time_to_target
from s2s.charts.sweep import plot_memory, plot_speed_curves
from s2s.errors import UserError
from s2s.formatting import format_run_label
from s2s.records import RunState, Sweep
from s2s.runs.memory import available_memory_bytes
from s2s.text import advice as advice_text
from s2s.text import charts as chart_text
from s2s.text.run import describe_result


def link_to_sweep_page(label: str) -> None:
    st.page_link("pages/sweep/sweep.py", label=label, icon=":material/stacked_line_chart:")


def show_recommendation(advice: Advice) -> None:
    """Show the recommended range, its reasons, the charts behind it, and notes."""
    recommendation = advice.recommendation
    fit, recommended_sizes = recommendation.fit, recommendation.range
    with st.container(border=True):
        if recommended_sizes:
            first, last = recommended_sizes[0], recommended_sizes[-1]
            st.subheader(f"Batch size {first:,}" + (f" to {last:,}" if last > first else ""))
        else:
            st.subheader("No recommendation from these runs yet")
        st.write(advice_text.describe_advice(advice))
    revision = f"{advice.engine} {advice.target_loss}"
    figure = plot_time_to_target(recommendation.predictions, revision=revision)
    description = chart_text.describe_time_to_target(recommendation.predictions)
    draw_chart(figure, description, "advisor_time")
    figure = plot_steps_to_target(fit.points, fit, revision=revision)
    draw_chart(figure, chart_text.describe_steps_to_target(fit.points), "advisor_steps")
    figure = plot_speed_curves([advice.speed], revision=revision)
    draw_chart(figure, chart_text.describe_speed_curves([advice.speed]), "advisor_speed")
    for note in advice_text.list_advice_notes(advice):
        st.caption(note)


def show_gradient_noise(sweep: Sweep, advice: Advice) -> None:
    """Compare the gradient noise scale with the critical batch size, or offer to measure it."""
    runs = list_finished_runs(sweep, advice.engine)
    measurements = get_store().gradient_noise([run.id for run in runs])
    for each in measurements:
        st.write(advice_text.describe_noise_agreement(each, advice.recommendation.fit.b_crit))
    run = select_noise_run(sweep, advice)
    if measurements or run is None:
        return
    job = get_scheduler().noise_jobs.get(run.id)
    if job and job.is_running():
        st.fragment(catch_errors(show_noise_progress), run_every="1s")(run.id)
        return
    if job and job.error:
        st.warning(escape(job.error))
    st.button(
        f"Measure the gradient noise scale of run {run.id}",
        key="measure_gradient_noise",
        icon=":material/graphic_eq:",
        on_click=catch_errors(get_scheduler().measure_gradient_noise),
        args=(run.id,),
        help="Takes up to a minute. The noise scale is only a rough check of the critical batch "
        "size: the two can differ widely.",
    )


def show_noise_progress(run_id: int) -> None:
    """Show the progress of the measurement. Rerun the page when the measurement has ended."""
    job = get_scheduler().noise_jobs.get(run_id)
    if job and job.is_running():
        st.progress(job.progress, f"Measuring the gradient noise scale of run {run_id}")
    else:
        st.rerun()


def show_confirming_run(sweep: Sweep, advice: Advice) -> None:
    """Offer a confirming run, or show its state, or compare its time with the prediction."""
    config = plan_confirming_run(sweep, advice)
    run = next((run for run in get_store().runs() if run.config == config), None)
    if run is None:
        st.button(
            f"Confirm with one more run at batch size {config.batch_size:,}",
            key="confirm_recommendation",
            icon=":material/verified:",
            on_click=catch_errors(get_scheduler().submit),
            args=([config],),
            help="Trains to the target with a new seed, and compares the time with the prediction.",
        )
    elif not run.state.has_ended():
        st.info(f"The confirming run, {escape(format_run_label(run))}, is {run.state}.")
    elif run.state is RunState.FINISHED:
        seconds = find_seconds_to_target(read_records(run.id)[1], advice.target_loss)
        predicted = advice.recommendation.best.seconds
        st.success(advice_text.describe_confirmation(predicted, seconds))
    else:
        st.warning(f"State of the confirming run: {run.state}. {escape(describe_result(run))}")


st.title("Advisor")
sweeps = list_sweeps()
if not sweeps:
    st.write("A recommendation needs a sweep: several batch sizes with a few repeats each.")
    link_to_sweep_page("Start a sweep")
    st.stop()
sweep = select_sweep(sweeps)
with st.container(horizontal=True, vertical_alignment="bottom"):
    engine = select_engine(sweep)
    target_loss = st.number_input(
        "Target validation loss per token", min_value=0.0, max_value=100.0, step=0.1,
        value=sweep.config.target_loss, key=f"target_{sweep.id}", width=260,
        help="0: the sweep's target or, if it has none, the lowest loss that all runs reached.",
    )  # fmt: skip
runs = list_finished_runs(sweep, engine)
evaluations = {run.id: read_records(run.id)[1] for run in runs}
try:
    advice = advise(sweep, engine, evaluations, target_loss)
except UserError as error:
    st.info(escape(error))
    link_to_sweep_page("Open the sweep")
else:
    show_recommendation(advice)
    show_confirming_run(sweep, advice)
    show_gradient_noise(sweep, advice)
memory_fit = fit_memory(collect_memory_points(sweep, engine))
if memory_fit.points:
    figure = plot_memory(memory_fit, revision=f"{sweep.id} {engine}")
    draw_chart(figure, chart_text.describe_memory(memory_fit), "advisor_memory")
available_bytes = available_memory_bytes(get_store(), runs)
st.write(advice_text.describe_memory_limit(memory_fit, available_bytes))
