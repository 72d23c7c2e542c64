"""The commands of sweeps: doing one, going on with one, listing them."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING, Any

from s2s import formatting as words
from s2s.analysis.sweep.table import sweep_line, sweep_rows, sweep_text
from s2s.background.sweep_time import SweepTime, seconds_of, sweep_time, times_from_runs
from s2s.cli.common import (
    EXIT_ERROR,
    EXIT_STOPPED,
    batch_sizes,
    listed,
    print_as,
    print_json,
    say,
    stop_on_signals,
)
from s2s.cli.progress import Doing
from s2s.config import Budget, SweepConfig, TrainConfig
from s2s.errors import UserError
from s2s.paths import home
from s2s.records import RunState, Sweep, SweepPart, SweepState
from s2s.runs.export import run_json
from s2s.store import Store
from s2s.store.sweeps import claim_sweep, read_sweep, read_sweeps
from s2s.sweeps.plan import create_sweep, plan

if TYPE_CHECKING:
    from s2s.sweeps.runner import SweepProgress


def sweep(options: argparse.Namespace) -> int:
    """Begins a sweep, or goes on with one; ends with its table."""
    if options.resume is None:
        config = sweep_config(options)
        store, parts = Store(home()), plan(config)
    else:
        store = Store(home())
        before = read_sweep(store, options.resume)
        config, parts = before.config, before.parts
    found = carry_out(options, store, config, parts, options.resume)
    print_as(options, {"event": "sweep", **_sweep_json(found)}, sweep_text(found))
    return exit_code(found)


def carry_out(
    options: argparse.Namespace,
    store: Store,
    config: SweepConfig,
    parts: Sequence[SweepPart],
    sweep_id: int | None = None,
) -> Sweep:
    """Tells how long it takes, then does those of `parts` that are left; without id a new sweep."""
    if left := [part for part in parts if not part.is_done()]:
        with Doing() as doing:
            takes = sweep_time(config, left, store.runs(), doing)
        estimate = {"event": "estimate", **dataclasses.asdict(takes)}
        del estimate["times"]
        print_as(options, estimate, _estimate_text(config, left, takes))
        sweep_id = sweep_id or create_sweep(store, config)
        _do(options, store, sweep_id, takes)
    assert sweep_id is not None  # a new sweep has parts left
    return read_sweep(store, sweep_id)


def exit_code(found: Sweep) -> int:
    """Of a sweep that was carried out; says how to go on with one that was stopped."""
    if found.state is not SweepState.FINISHED:
        again = f"python -m s2s sweep --resume {found.id}"
        print(f"s2s: sweep {found.id} is not finished; go on with: {again}", file=sys.stderr)
        return EXIT_STOPPED
    finished = any(part.run and part.run.state is RunState.FINISHED for part in found.parts)
    return 0 if finished else EXIT_ERROR


def sweeps(options: argparse.Namespace) -> int:
    """Lists all sweeps."""
    store = Store(home())
    store.mark_interrupted()
    found = read_sweeps(store)
    for problem in store.unreadable["sweeps"]:
        say(problem, sys.stderr)
    for each in found:
        print_as(options, _sweep_json(each), sweep_line(each))
    if not found and not options.json:
        print("No sweep yet; `python -m s2s sweep` starts one.")
    return 0


def sweep_config(options: argparse.Namespace) -> SweepConfig:
    """Raises UserError where the choices make no sweep."""
    budget, amount = Budget.SAMPLES, SweepConfig.amount
    for kind in (Budget.ITERATIONS, Budget.SAMPLES, Budget.SECONDS):
        given = getattr(options, kind.value)
        if given is not None:
            budget, amount = kind, given
    if options.target_loss:
        if budget is not Budget.SAMPLES:
            raise UserError("The limit beside --target-loss is given with --samples.")
        budget = Budget.TARGET
    base: dict[str, Any] = {
        **vars(options),
        "batch_size": options.base_batch_size,
        "sentences": options.sentence,
        "iterations": TrainConfig.iterations,
        "target_loss": 0.0,
    }
    return SweepConfig(
        base=TrainConfig.from_json(base),
        batch_sizes=tuple(batch_sizes(options.batch_sizes)),
        grow_until_oom=options.grow_until_oom,
        engines=tuple(listed(options.engines)),  # type: ignore[arg-type]  # checked there
        repeats=options.repeats,
        learning_rate_rule=options.learning_rate_rule,
        budget=budget,
        amount=amount,
        target_loss=options.target_loss,
        keep_all_weights=options.keep_all_weights,
    )


def _do(options: argparse.Namespace, store: Store, sweep_id: int, takes: SweepTime) -> None:
    """With a line of JSON for each part that has got a result."""
    from s2s.sweeps.runner import run_sweep  # torch, seconds to load

    stop = Event()
    stop_on_signals(stop)
    claim_sweep(store, sweep_id)
    with Doing() as doing:
        part, later = None, None
        for now in run_sweep(store, sweep_id, stop):
            if now.part != part:
                part, later = now.part, _seconds_after(store, now, takes)
            left = ""
            if later is not None and now.part_seconds_left is not None:
                left = f", {words.format_duration(now.part_seconds_left + later)} left"
            first = "memory of the first steps, " if now.measuring_memory else ""
            doing(
                f"Run {min(now.done + 1, now.total):,} of {now.total:,}, {first}"
                f"{now.part.engine.value}, batch size {now.part.batch_size:,}{left}",
                now.share,
            )
            if options.json and now.ended:
                ended = dataclasses.replace(now.part, run=store.run(now.run_id))
                print_json({"event": "part", **_part_json(ended)})


def _seconds_after(store: Store, now: "SweepProgress", takes: SweepTime) -> float | None:
    """Estimate the time of the parts after the one that is being trained."""
    config = now.sweep.config
    later = [part for part in now.sweep.parts if not part.is_done() and part != now.part]
    times = {**takes.times, **times_from_runs(config, store.runs(), takes.device)}
    return seconds_of(config, later, times, takes.device)


def _estimate_text(config: SweepConfig, parts: list[SweepPart], takes: SweepTime) -> str:
    duration = "duration not known"
    if takes.total_seconds is not None:
        most = "at most " if config.target_loss else ""
        duration = f"{most}about {words.format_duration(takes.total_seconds)} by {takes.basis}"
    larger = "; larger sizes come on top" if config.grow_until_oom else ""
    runs = "1 run" if len(parts) == 1 else f"{len(parts):,} runs"
    return f"{runs} on {words.format_device(takes.device)}: {duration}{larger}."


def _sweep_json(found: Sweep) -> dict[str, object]:
    return {
        "sweep_id": found.id,
        "state": found.state.value,
        "created_at": found.created_at,
        "done": found.parts_done(),
        "total": len(found.parts),
        "config": found.config.to_json(),
        "rows": [dataclasses.asdict(row) for row in sweep_rows(found)],
    }


def _part_json(part: SweepPart) -> dict[str, object]:
    return {"repeat": part.repeat, **(run_json(part.run) if part.run else {})}
