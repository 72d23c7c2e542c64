"""The Advisor page: recommends a batch size from a sweep, with its interval and the reason."""

import streamlit as st

from pages.shared.chart import draw_chart
from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_scheduler, get_store, read_records
from pages.shared.sweeps import list_sweeps, select_engine, select_sweep
from s2s.analysis.advice import advise as analysis
from s2s.analysis.advice.target import find_seconds_to_target
from s2s.analysis.sweep.memory import collect_memory_points, fit_memory
from s2s.analysis.sweep.runs import list_finished_runs
from s2s.charts.advice import plot_steps_to_target, plot_time_to_target
from s2s.charts.sweep import plot_memory, plot_speed_curves
from s2s.errors import UserError
from s2s.formatting import format_run_label
from s2s.records import RunState, Sweep
from s2s.runs.memory import available_memory_bytes
from s2s.text import advice as text
from s2s.text import charts as descriptions
from s2s.text.run import describe_result


def link_to_sweep_page(label: str) -> None:
    st.page_link("pages/sweep/sweep.py", label=label, icon=":material/stacked_line_chart:")


def show_recommendation(advice: analysis.Advice) -> None:
    recommendation = advice.recommendation
    fit, sizes = recommendation.fit, recommendation.range
    with st.container(border=True):
        if sizes:
            upper = f" to {sizes[-1]:,}" if len(sizes) > 1 else ""
            st.subheader(f"Batch size {sizes[0]:,}{upper}")
        else:
            st.subheader("No recommendation from these runs yet")
        st.write(text.describe_advice(advice))
    revision = f"{advice.engine} {advice.target_loss}"
    figure = plot_time_to_target(recommendation.predictions, revision=revision)
    description = descriptions.describe_time_to_target(recommendation.predictions)
    draw_chart(figure, description, "advisor_time")
    figure = plot_steps_to_target(fit.points, fit, revision=revision)
    draw_chart(figure, descriptions.describe_steps_to_target(fit.points), "advisor_steps")
    figure = plot_speed_curves([advice.speed], revision=revision)
    draw_chart(figure, descriptions.describe_speed_curves([advice.speed]), "advisor_speed")
    for note in text.list_advice_notes(advice):
        st.caption(note)


def show_gradient_noise(sweep: Sweep, advice: analysis.Advice) -> None:
    """Show the gradient noise scale beside the critical batch size, or a button to measure it."""
    runs = list_finished_runs(sweep, advice.engine)
    measured = get_store().gradient_noise([run.id for run in runs])
    for each in measured:
        st.write(text.describe_noise_agreement(each, advice.recommendation.fit.b_crit))
    run = analysis.select_noise_run(sweep, advice)
    if measured or run is None:
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
        help="Takes up to a minute. A rough cross-check of the critical batch size: the noise "
        "scale can be far off.",
    )


def show_noise_progress(run_id: int) -> None:
    """Show the measurement's progress, and rerun the page when it has ended."""
    job = get_scheduler().noise_jobs.get(run_id)
    if job and job.is_running():
        st.progress(job.progress, f"Measuring gradients of run {run_id}")
    else:
        st.rerun()


def show_confirming_run(sweep: Sweep, advice: analysis.Advice) -> None:
    """Show a button for the confirming run, its state, or predicted against measured time."""
    config = analysis.plan_confirming_run(sweep, advice)
    run = next((run for run in get_store().runs() if run.config == config), None)
    if run is None:
        st.button(
            f"Confirm with one more run at batch size {config.batch_size:,}",
            key="confirm_recommendation",
            icon=":material/verified:",
            on_click=catch_errors(get_scheduler().submit),
            args=([config],),
            help="A run with a new seed up to the target, to compare with the prediction.",
        )
    elif not run.state.has_ended():
        st.info(f"The confirming run, {escape(format_run_label(run))}, is {run.state}.")
    elif run.state is RunState.FINISHED:
        seconds = find_seconds_to_target(read_records(run.id)[1], advice.target_loss)
        predicted = advice.recommendation.best.seconds
        st.success(text.describe_confirmation(predicted, seconds))
    else:
        st.warning(f"The confirming run ended as {run.state}. {escape(describe_result(run))}")


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
        help="0 uses the lowest loss that all runs reached.",
    )  # fmt: skip
runs = list_finished_runs(sweep, engine)
evaluations = {run.id: read_records(run.id)[1] for run in runs}
try:
    advice = analysis.advise(sweep, engine, evaluations, target_loss)
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
    draw_chart(figure, descriptions.describe_memory(memory_fit), "advisor_memory")
available_bytes = available_memory_bytes(get_store(), runs)
st.write(text.describe_memory_limit(memory_fit, available_bytes))
