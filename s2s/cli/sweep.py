"""The commands `sweep` and `sweeps`: start or resume a sweep, list all."""

import argparse
import dataclasses
import functools
import sys
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING, Any

from s2s import formatting as words
from s2s.cli.common import (
    EXIT_ERROR,
    EXIT_STOPPED,
    add_command,
    add_option,
    print_as,
    print_json,
    print_text,
    split_list,
    stop_on_signals,
)
from s2s.cli.progress import ProgressLine
from s2s.cli.train import add_training_options
from s2s.config import Budget, SweepConfig, TrainConfig
from s2s.errors import UserError
from s2s.validation import parse_batch_sizes

if TYPE_CHECKING:
    from s2s.background.estimates import SweepEstimate
    from s2s.cli.common import Commands
    from s2s.records import Sweep, SweepPart
    from s2s.store import Store
    from s2s.sweeps.runner import SweepProgress


def add_commands(commands: "Commands") -> None:
    """Add `sweep` and `sweeps`."""
    parser = add_command(
        commands, "sweep", sweep, "Train several batch sizes; the last output is a table."
    )
    default, add = SweepConfig(), functools.partial(add_option, parser)
    parser.add_argument(
        "--resume", type=int, metavar="SWEEP", help="resume this sweep; ignores other options"
    )
    add("--batch-sizes", ",".join(map(str, default.batch_sizes)), "sentences per step")
    parser.add_argument(
        "--grow-until-oom",
        action="store_true",
        help="double the largest batch size until out of memory (meant for a GPU)",
    )
    add("--engines", ",".join(default.engines), "such as article,fused")
    add("--repeats", default.repeats, "runs per configuration, with consecutive seeds")
    add(
        "--learning-rate-rule",
        default.learning_rate_rule,
        "how the learning rate scales with the batch size",
    )
    add(
        "--base-batch-size",
        default.base.batch_size,
        "batch size at which --learning-rate applies unscaled",
    )
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument(
        "--samples", type=int, help=f"sentences per run (default: {default.amount:,})"
    )
    budget.add_argument("--iterations", type=int, help="optimizer steps per run")
    budget.add_argument("--seconds", type=float, help="training time per run")
    add(
        "--target-loss",
        default.target_loss,
        "stop a run at this validation loss per token; --samples is then the maximum; 0: none",
    )
    parser.add_argument(
        "--keep-all-weights",
        action="store_true",
        help="keep the weights of all repeats, not only of the first",
    )
    add_training_options(parser)
    add_command(commands, "sweeps", list_sweeps, "List sweeps, newest first.")


def sweep(options: argparse.Namespace) -> int:
    from s2s.paths import home
    from s2s.store import Store
    from s2s.store.sweeps import read_sweep
    from s2s.sweeps.plan import plan
    from s2s.text.sweep import sweep_table

    if options.resume is None:
        config = _read_config(options)
        store, parts = Store(home()), plan(config)
    else:
        store = Store(home())
        unfinished = read_sweep(store, options.resume)
        config, parts = unfinished.config, unfinished.parts
    result = run_parts(options, store, config, parts, options.resume)
    print_as(options, {"event": "sweep", **_sweep_json(result)}, sweep_table(result))
    return exit_code(result)


def run_parts(
    options: argparse.Namespace,
    store: "Store",
    config: SweepConfig,
    parts: "Sequence[SweepPart]",
    sweep_id: int | None = None,
) -> "Sweep":
    """Print an estimate of the time, train the parts without a result, and return the sweep.

    Args:
        sweep_id: None: create a new sweep.
    """
    from s2s.background.estimates import estimate_sweep
    from s2s.store.sweeps import read_sweep
    from s2s.sweeps.plan import create_sweep
    from s2s.text.listing import sweep_estimate_text

    if remaining := [part for part in parts if not part.is_done()]:
        with ProgressLine() as line:
            estimate = estimate_sweep(config, remaining, store.runs(), line.show)
        values = {"event": "estimate", **dataclasses.asdict(estimate)}
        del values["times"]
        text = sweep_estimate_text(
            config, len(remaining), estimate.total_seconds, estimate.basis, estimate.device
        )
        print_as(options, values, text)
        sweep_id = sweep_id or create_sweep(store, config)
        _train(options, store, sweep_id, estimate)
    assert sweep_id is not None  # a new sweep has parts without a result
    return read_sweep(store, sweep_id)


def exit_code(sweep: "Sweep") -> int:
    """Return the exit code for a sweep; if it is unfinished, print how to resume it."""
    from s2s.records import RunState, SweepState

    if sweep.state is not SweepState.FINISHED:
        hint = f"resume with `python -m s2s sweep --resume {sweep.id}`"
        print(f"s2s: sweep {sweep.id} is unfinished; {hint}", file=sys.stderr)
        return EXIT_STOPPED
    has_result = any(part.run and part.run.state is RunState.FINISHED for part in sweep.parts)
    return 0 if has_result else EXIT_ERROR


def list_sweeps(options: argparse.Namespace) -> int:
    from s2s.paths import home
    from s2s.store import Store
    from s2s.store.sweeps import read_sweeps
    from s2s.text.sweep import sweep_line

    store = Store(home())
    store.mark_interrupted()
    sweeps = read_sweeps(store)
    for problem in store.unreadable["sweeps"]:
        print_text(problem, sys.stderr)
    for each in sweeps:
        print_as(options, _sweep_json(each), sweep_line(each))
    if not sweeps and not options.json:
        print("No sweeps yet. Start one with `python -m s2s sweep`.")
    return 0


def _read_config(options: argparse.Namespace) -> SweepConfig:
    budget, amount = Budget.SAMPLES, SweepConfig.amount
    for kind in (Budget.ITERATIONS, Budget.SAMPLES, Budget.SECONDS):
        value = getattr(options, kind.value)
        if value is not None:
            budget, amount = kind, value
    if options.target_loss:
        if budget is not Budget.SAMPLES:
            raise UserError("With --target-loss, set the maximum per run with --samples.")
        budget = Budget.TARGET
    base: dict[str, Any] = {
        **vars(options),
        "batch_size": options.base_batch_size,
        "sentences": options.sentence,
        "iterations": TrainConfig.iterations,
        "target_loss": TrainConfig.target_loss,
    }
    return SweepConfig(
        base=TrainConfig.from_json(base),
        batch_sizes=tuple(parse_batch_sizes(options.batch_sizes)),
        grow_until_oom=options.grow_until_oom,
        engines=tuple(split_list(options.engines)),  # type: ignore[arg-type]  # SweepConfig checks
        repeats=options.repeats,
        learning_rate_rule=options.learning_rate_rule,
        budget=budget,
        amount=amount,
        target_loss=options.target_loss,
        keep_all_weights=options.keep_all_weights,
    )


def _train(
    options: argparse.Namespace, store: "Store", sweep_id: int, estimate: "SweepEstimate"
) -> None:
    """Train the sweep's parts; with --json, print each that has ended."""
    from s2s.runs.export import run_json
    from s2s.store.sweeps import claim_sweep
    from s2s.sweeps.runner import run_sweep

    stop = Event()
    stop_on_signals(stop)
    claim_sweep(store, sweep_id)
    with ProgressLine() as line:
        part, seconds_after = None, None
        for now in run_sweep(store, sweep_id, stop):
            if now.part != part:
                part, seconds_after = now.part, _seconds_after(store, now, estimate)
            line.show(_activity(now, seconds_after), now.share)
            if options.json and now.ended:
                run = run_json(store.run(now.run_id))
                print_json({"event": "part", "repeat": now.part.repeat, **run})


def _activity(now: "SweepProgress", seconds_after: float | None) -> str:
    remaining = ""
    if seconds_after is not None and now.part_seconds_left is not None:
        remaining = f", {words.format_duration(now.part_seconds_left + seconds_after)} left"
    memory = "measuring memory, " if now.measuring_memory else ""
    return (
        f"Run {min(now.done + 1, now.total):,} of {now.total:,}, {memory}"
        f"{now.part.engine.value}, batch size {now.part.batch_size:,}{remaining}"
    )


def _seconds_after(store: "Store", now: "SweepProgress", estimate: "SweepEstimate") -> float | None:
    """Estimate the time of the parts after the current one."""
    from s2s.background.estimates import estimate_parts, step_times_from_runs

    config = now.sweep.config
    later = [part for part in now.sweep.parts if not part.is_done() and part != now.part]
    times = {**estimate.times, **step_times_from_runs(config, store.runs(), estimate.device)}
    return estimate_parts(config, later, times, estimate.device)


def _sweep_json(sweep: "Sweep") -> dict[str, object]:
    from s2s.analysis.sweep.table import sweep_rows

    return {
        "sweep_id": sweep.id,
        "state": sweep.state.value,
        "created_at": sweep.created_at,
        "done": sweep.parts_done(),
        "total": len(sweep.parts),
        "config": sweep.config.to_json(),
        "rows": [dataclasses.asdict(row) for row in sweep_rows(sweep)],
    }
