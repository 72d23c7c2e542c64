"""The command `advise`: recommend a batch size from a sweep."""

import argparse
import dataclasses
import functools
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from s2s.analysis.sweep.runs import list_finished_runs
from s2s.cli import common
from s2s.config import Engine
from s2s.errors import UserError
from s2s.formatting import format_bytes, format_duration
from s2s.paths import home
from s2s.records import Evaluation, Run, Sweep
from s2s.runs.memory import available_memory_bytes
from s2s.store import Store
from s2s.store.sweeps import read_sweep, read_sweeps

if TYPE_CHECKING:
    from s2s.analysis.advice.advise import Advice


def add_commands(commands: common.Commands) -> None:
    """Add `advise`."""
    parser = common.add_command(commands, "advise", advise, "Recommend a batch size from a sweep.")
    parser.add_argument("--sweep", type=int, metavar="ID", help="default: the newest")
    target_help = "validation loss per token (default: the sweep's, or the lowest all runs reached)"
    parser.add_argument("--target-loss", type=float, default=0.0, metavar="LOSS", help=target_help)
    noise_help = "measure the gradient noise scale of the best run, if it is not measured yet"
    parser.add_argument("--gradient-noise", action="store_true", help=noise_help)
    check_help = "leave out each batch size in turn and predict its time to target and its memory"
    parser.add_argument("--check", action="store_true", help=check_help)


def advise(options: argparse.Namespace) -> None:
    store = Store(home())
    sweep_id = options.sweep
    if sweep_id is None:
        sweeps = read_sweeps(store)
        for problem in store.unreadable["sweeps"]:
            common.print_text(problem, sys.stderr)
        if not sweeps:
            raise UserError("No sweeps yet. Start one with `python -m s2s sweep`.")
        sweep_id = sweeps[0].id
    sweep = read_sweep(store, sweep_id)
    for engine in sweep.config.engines:
        _advise_engine(options, store, sweep, engine)


def _advise_engine(options: argparse.Namespace, store: Store, sweep: Sweep, engine: Engine) -> None:
    from s2s.analysis.advice import advise as analysis
    from s2s.analysis.advice.leave_one_out import cross_validate_sweep
    from s2s.analysis.sweep.memory import collect_memory_points, cross_validate_memory, fit_memory
    from s2s.text import advice as text

    runs = list_finished_runs(sweep, engine)
    evaluations = {run.id: store.evaluations(run.id) for run in runs}
    result = analysis.advise(sweep, engine, evaluations, options.target_loss)
    ids = [run.id for run in runs]
    if options.gradient_noise and not store.gradient_noise(ids):
        _measure_noise(store, sweep, result)
    critical = result.recommendation.fit.b_crit
    noise = [
        (each, text.describe_noise_agreement(each, critical)) for each in store.gradient_noise(ids)
    ]
    fit = fit_memory(collect_memory_points(sweep, engine))
    memory_checks = cross_validate_memory(fit.points)
    memory = text.describe_memory_limit(fit, available_memory_bytes(store, runs))
    paragraph, notes = text.describe_advice(result), text.list_advice_notes(result)
    values = {
        "sweep_id": sweep.id,
        **_advice_to_json(result),
        "paragraph": paragraph,
        "notes": notes,
        "memory": {
            **dataclasses.asdict(fit),
            "leave_one_out": list(map(dataclasses.asdict, memory_checks)),
            "text": memory,
        },
        "gradient_noise": [
            {**dataclasses.asdict(each), "text": sentence} for each, sentence in noise
        ],
    }
    lines = [f"{engine}: {paragraph}", *notes, memory]
    lines += [sentence for _, sentence in noise]
    if options.check:
        checks = cross_validate_sweep(sweep, engine, evaluations, result.target_loss)
        values["leave_one_out"] = [dataclasses.asdict(each) for each in checks]
        values["runs"] = [_run_to_json(run, evaluations[run.id]) for run in runs]
        lines += [
            text.format_checks(checks, "Time to target", format_duration),
            text.format_checks(memory_checks, "Peak memory", format_bytes),
        ]
    common.print_result(options, values, "\n".join(filter(None, lines)))


def _measure_noise(store: Store, sweep: Sweep, result: "Advice") -> None:
    from s2s.analysis.advice.advise import select_noise_run
    from s2s.runs.measure import measure_gradient_noise

    run = select_noise_run(sweep, result)
    if run is None:
        raise UserError(f"No run of sweep {sweep.id} has weights to measure gradient noise with.")
    with common.show_progress() as show:
        activity = f"Gradients of run {run.id}"
        noise = measure_gradient_noise(run.id, functools.partial(show, activity))
    store.save_gradient_noise(noise)


def _run_to_json(run: Run, evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Return the run's measurements, to which the models are fitted."""
    return {
        "batch_size": run.config.batch_size,
        "seed": run.config.seed,
        "samples_per_second": run.summary and run.summary.samples_per_second,
        "evaluations": [
            (each.iteration, each.training_seconds, each.validation_loss_per_token)
            for each in evaluations
        ],
    }


def _advice_to_json(result: "Advice") -> dict[str, Any]:
    """Return the advice for JSON, without the bootstrap samples."""
    recommendation, throughput = result.recommendation, result.speed.fit
    fit = recommendation.fit
    return {
        "engine": result.engine.value,
        "target_loss": result.target_loss,
        "recommended": recommendation.best.batch_size,
        "recommended_range": recommendation.range,
        "identifiable": bool(recommendation.range),
        "further_sizes": recommendation.further_sizes,
        "fastest_measured": recommendation.fastest_measured,
        "critical_batch_size": dataclasses.asdict(fit.b_crit),
        "predictions": [dataclasses.asdict(each) for each in recommendation.predictions],
        "steps_to_target": [dataclasses.asdict(each) for each in fit.points],
        "knee": throughput.knee and dataclasses.asdict(throughput.knee),
        "smallest_at_knee": throughput.smallest_at_knee,
    }
