"""The commands `sweep` and `sweeps`: start or resume a sweep, list all sweeps."""

import argparse
import dataclasses
import functools
import sys
from typing import TYPE_CHECKING

from s2s import formatting
from s2s.analysis.sweep.table import build_sweep_rows
from s2s.background.estimates import (
    SweepEstimate,
    estimate_parts,
    estimate_sweep,
    look_up_step_times,
)
from s2s.cli import common
from s2s.cli.train import add_training_options
from s2s.config import Budget, SweepConfig
from s2s.errors import UserError
from s2s.paths import home
from s2s.records import RunState, Sweep, SweepState
from s2s.runs.export import run_to_json
from s2s.store import Store
from s2s.store.sweeps import claim_sweep, read_sweep, read_sweeps
from s2s.sweeps.plan import create_sweep, plan
from s2s.text.listing import describe_sweep_estimate
from s2s.text.sweep import format_sweep, format_sweep_table
from s2s.validation import parse_batch_sizes

if TYPE_CHECKING:
    from s2s.sweeps.runner import SweepProgress


def add_commands(commands: common.Commands) -> None:
    """Add `sweep` and `sweeps`."""
    sweep_help = "Train several batch sizes, then print a table."
    parser = common.add_command(commands, "sweep", sweep, sweep_help)
    default, add = SweepConfig(), functools.partial(common.add_option, parser)
    resume_help = "resume this sweep; ignores other options"
    parser.add_argument("--resume", type=int, metavar="SWEEP", help=resume_help)
    add("--batch-sizes", ",".join(map(str, default.batch_sizes)), "sentences per step")
    growth_help = "double the largest batch size until out of memory (meant for a GPU)"
    parser.add_argument("--grow-until-oom", action="store_true", help=growth_help)
    add("--engines", ",".join(default.engines), "such as article,fused")
    add("--repeats", default.repeats, "runs per configuration, with consecutive seeds")
    rule_help = "how the learning rate scales with the batch size"
    add("--learning-rate-rule", default.learning_rate_rule, rule_help)
    base_help = "batch size at which --learning-rate applies unscaled"
    add("--base-batch-size", default.base.batch_size, base_help)
    budget = parser.add_mutually_exclusive_group()
    samples_help = f"sentences per run (default: {default.amount:,})"
    budget.add_argument("--samples", type=int, default=default.amount, help=samples_help)
    budget.add_argument("--iterations", type=int, help="optimizer steps per run")
    budget.add_argument("--seconds", type=float, help="training time per run")
    add(
        "--target-loss",
        default.target_loss,
        "stop a run at this validation loss per token; --samples is then the maximum; 0: none",
    )
    weights_help = "keep the weights of all repeats, not only of the first"
    parser.add_argument("--keep-all-weights", action="store_true", help=weights_help)
    add_training_options(parser)
    common.add_command(commands, "sweeps", list_sweeps, "List sweeps, newest first.")


def sweep(options: argparse.Namespace) -> int:
    store = Store(home())
    is_new = options.resume is None
    config = _read_config(options) if is_new else read_sweep(store, options.resume).config
    result = run_parts(options, store, config, options.resume)
    values = {"event": "sweep", **_sweep_to_json(result)}
    common.print_result(options, values, format_sweep_table(result))
    return get_exit_code(result)


def run_parts(
    options: argparse.Namespace, store: Store, config: SweepConfig, sweep_id: int | None = None
) -> Sweep:
    """Print the estimated time, train the parts that are not done, and return the sweep.

    Args:
        sweep_id: Sweep to resume; None for a new sweep.
    """
    parts = plan(config) if sweep_id is None else read_sweep(store, sweep_id).parts
    if remaining := [part for part in parts if not part.is_done()]:
        with common.show_progress() as show:
            estimate = estimate_sweep(config, remaining, store.runs(), show)
        values = {"event": "estimate", **dataclasses.asdict(estimate)}
        del values["times"]  # its keys cannot be written as JSON
        text = describe_sweep_estimate(
            config, len(remaining), estimate.total_seconds, estimate.basis, estimate.device
        )
        common.print_result(options, values, text)
        sweep_id = sweep_id or create_sweep(store, config)
        _train(options, store, sweep_id, estimate)
    assert sweep_id is not None  # a new sweep has parts to train
    return read_sweep(store, sweep_id)


def get_exit_code(sweep: Sweep) -> int:
    """Return the exit code for a sweep. If it is unfinished, print how to resume it."""
    if sweep.state is not SweepState.FINISHED:
        hint = f"resume with `python -m s2s sweep --resume {sweep.id}`"
        print(f"s2s: sweep {sweep.id} is unfinished; {hint}", file=sys.stderr)
        return common.EXIT_STOPPED
    has_result = any(part.run and part.run.state is RunState.FINISHED for part in sweep.parts)
    return 0 if has_result else common.EXIT_ERROR


def list_sweeps(options: argparse.Namespace) -> None:
    store = Store(home())
    store.mark_interrupted()
    sweeps = read_sweeps(store)
    for problem in store.unreadable["sweeps"]:
        common.print_text(problem, sys.stderr)
    for each in sweeps:
        common.print_result(options, _sweep_to_json(each), format_sweep(each))
    if not sweeps and not options.json:
        print("No sweeps yet. Start one with `python -m s2s sweep`.")


def _read_config(options: argparse.Namespace) -> SweepConfig:
    budget, amount = Budget.SAMPLES, options.samples
    if options.iterations is not None:
        budget, amount = Budget.ITERATIONS, options.iterations
    elif options.seconds is not None:
        budget, amount = Budget.SECONDS, options.seconds
    if options.target_loss:
        if budget is not Budget.SAMPLES:
            raise UserError("With --target-loss, limit the runs with --samples only.")
        budget = Budget.TARGET
    # The sweep's budget determines the iterations and the target loss of its runs.
    base = vars(options) | {"batch_size": options.base_batch_size}
    del base["iterations"], base["target_loss"]
    values = vars(options) | {
        "base": base,
        "batch_sizes": parse_batch_sizes(options.batch_sizes),
        "engines": common.split_list(options.engines),
        "budget": budget,
        "amount": amount,
    }
    return SweepConfig.from_json(values)


def _train(
    options: argparse.Namespace, store: Store, sweep_id: int, estimate: SweepEstimate
) -> None:
    """Train the sweep's parts. With --json, print each part when it has ended."""
    from s2s.sweeps.runner import run_sweep

    stop = common.stop_on_signals()
    claim_sweep(store, sweep_id)
    with common.show_progress() as show:
        part, seconds_after = None, None
        for progress in run_sweep(store, sweep_id, stop):
            if progress.part != part:
                part = progress.part
                seconds_after = _estimate_seconds_after(store, progress, estimate)
            show(_describe_progress(progress, seconds_after), progress.share)
            if options.json and progress.has_ended:
                run = run_to_json(store.run(progress.run_id))
                common.print_json({"event": "part", "repeat": progress.part.repeat, **run})


def _describe_progress(progress: "SweepProgress", seconds_after: float | None) -> str:
    part, parts = progress.part, progress.sweep.parts
    remaining = ""
    if seconds_after is not None and progress.part_seconds_left is not None:
        seconds = progress.part_seconds_left + seconds_after
        remaining = f", {formatting.format_duration(seconds)} left"
    memory = "measuring memory, " if progress.is_measuring_memory else ""
    return (
        f"Run {progress.sweep.count_done_parts() + 1:,} of {len(parts):,}, {memory}"
        f"{part.engine.value}, batch size {part.batch_size:,}{remaining}"
    )


def _estimate_seconds_after(
    store: Store, progress: "SweepProgress", estimate: SweepEstimate
) -> float | None:
    """Return the estimated seconds for the parts after the current one, None if unknown."""
    config = progress.sweep.config
    later = [part for part in progress.sweep.parts if not part.is_done() and part != progress.part]
    times = {**estimate.times, **look_up_step_times(config, store.runs(), estimate.device)}
    return estimate_parts(config, later, times, estimate.device)


def _sweep_to_json(sweep: Sweep) -> dict[str, object]:
    return {
        "sweep_id": sweep.id,
        "state": sweep.state.value,
        "created_at": sweep.created_at,
        "done": sweep.count_done_parts(),
        "total": len(sweep.parts),
        "config": sweep.config.to_json(),
        "rows": [dataclasses.asdict(row) for row in build_sweep_rows(sweep)],
    }
