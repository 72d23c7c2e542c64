"""The command that tells which batch size a sweep speaks for."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from s2s import formatting as words
from s2s.cli.common import print_as, say
from s2s.cli.progress import Doing
from s2s.config import Engine
from s2s.errors import UserError
from s2s.paths import home
from s2s.records import Evaluation, Run, Sweep
from s2s.runs.memory import available_memory_bytes
from s2s.store import Store
from s2s.store.sweeps import read_sweep, read_sweeps

if TYPE_CHECKING:
    from s2s.analysis.advice.sweep_advice import SweepAdvice
    from s2s.analysis.sweep.memory import MemoryLaw


def advise(options: argparse.Namespace) -> int:
    """One paragraph for each engine of the sweep, or an object of JSON."""
    store = Store(home())
    sweep_id = options.sweep
    if sweep_id is None:
        known = read_sweeps(store)
        for problem in store.unreadable["sweeps"]:
            say(problem, sys.stderr)
        if not known:
            raise UserError("No sweep yet; `python -m s2s sweep` starts one.")
        sweep_id = known[0].id
    sweep = read_sweep(store, sweep_id)
    for engine in sweep.config.engines:
        _advise(options, store, sweep, engine)
    return 0


def _advise(options: argparse.Namespace, store: Store, sweep: Sweep, engine: Engine) -> None:
    from s2s.analysis.advice.gradient_noise import noise_sentence
    from s2s.analysis.advice.leave_one_out import check_sweep, check_text
    from s2s.analysis.advice.sweep_advice import sweep_advice
    from s2s.analysis.sweep.figures import finished_runs, memory_points
    from s2s.analysis.sweep.memory import (  # scipy, half a second to load
        memory_law,
        memory_sentence,
    )

    runs = finished_runs(sweep, engine)
    evaluations = {run.id: store.evaluations(run.id) for run in runs}
    found = sweep_advice(sweep, engine, evaluations, options.target_loss)
    ids = [run.id for run in runs]
    if options.noise and not store.gradient_noise(ids):
        _measure_noise(store, sweep, found)
    noise = [
        (each, noise_sentence(each, found.advice.law.b_crit)) for each in store.gradient_noise(ids)
    ]
    law = memory_law(memory_points(sweep, engine))
    memory = memory_sentence(law, available_memory_bytes(store, runs))
    values = {
        "sweep_id": sweep.id,
        **_json(found),
        "memory": _memory_json(law, memory),
        "gradient_noise": [{**dataclasses.asdict(each), "text": said} for each, said in noise],
    }
    text = [*_text(found), memory, *(said for _, said in noise)]
    if options.check:
        checks = check_sweep(sweep, engine, evaluations, found.advice.target_loss)
        values["left_out"] = [dataclasses.asdict(each) for each in checks]
        values["runs"] = [_run_json(run, evaluations[run.id]) for run in runs]
        text += [check_text(checks), *_memory_checks(law)]
    print_as(options, values, "\n".join(text))


def _measure_noise(store: Store, sweep: Sweep, found: "SweepAdvice") -> None:
    from s2s.analysis.advice.sweep_advice import run_for_noise
    from s2s.runs.gradient_noise import noise_of_run  # torch, seconds to load

    run = run_for_noise(sweep, found)
    if run is None:
        raise UserError(f"No run of sweep {sweep.id} kept its weights to measure gradients with.")
    with Doing() as doing:
        name = f"Gradients of run {run.id}"
        measured = noise_of_run(run.id, progress=lambda share: doing(name, share))
    store.save_gradient_noise(measured)


def _text(found: "SweepAdvice") -> list[str]:
    return [f"{found.engine}: {found.advice.paragraph}", *found.notes]


def _run_json(run: Run, evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """What the laws are fitted on."""
    return {
        "batch_size": run.config.batch_size,
        "seed": run.config.seed,
        "samples_per_second": run.summary and run.summary.samples_per_second,
        "evaluations": [
            (each.iteration, each.training_seconds, each.validation_loss_per_token)
            for each in evaluations
        ],
    }


def _memory_checks(law: "MemoryLaw") -> list[str]:
    from s2s.analysis.sweep.memory import left_out_checks

    lines = [
        f"{check.batch_size:>8,}  predicted {words.format_bytes(check.predicted_bytes):>9}"
        f"  measured {words.format_bytes(check.measured_bytes):>9}  {check.relative_error:+.0%}"
        for check in left_out_checks(law.points)
    ]
    return ["And its memory, from the line through the other sizes:", *lines] if lines else []


def _memory_json(law: "MemoryLaw", said: str) -> dict[str, Any]:
    from s2s.analysis.sweep.memory import left_out_checks

    checks = left_out_checks(law.points)
    return {
        **dataclasses.asdict(law),
        "left_out": list(map(dataclasses.asdict, checks)),
        "text": said,
    }


def _json(found: "SweepAdvice") -> dict[str, Any]:
    """What was found, the bootstrap's draws left out."""
    advice = found.advice
    return {
        "engine": found.engine,
        "target_loss": advice.target_loss,
        "recommended": advice.recommended,
        "good_sizes": advice.good_sizes,
        "identifiable": advice.identifiable,
        "further_sizes": advice.further_sizes,
        "fastest_measured": advice.times.fastest_measured,
        "critical_batch_size": dataclasses.asdict(advice.law.b_crit),
        "predictions": [dataclasses.asdict(each) for each in advice.times.predictions],
        "steps_to_target": [dataclasses.asdict(each) for each in found.points],
        "knee": found.speed.law.knee_work and dataclasses.asdict(found.speed.law.knee_work),
        "smallest_at_knee": found.speed.law.smallest_at_knee,
        "paragraph": advice.paragraph,
        "notes": found.notes,
    }
