"""The commands `train` and `resume`."""

import argparse
import dataclasses
import sys
from threading import Event
from typing import TYPE_CHECKING

from s2s.cli.common import (
    EXIT_ERROR,
    EXIT_STOPPED,
    add_command,
    add_model_options,
    find_trained_run,
    print_as,
    print_text,
    stop_on_signals,
    values,
)
from s2s.cli.progress import TrainingProgress
from s2s.config import UNLIMITED, Engine, Precision, TrainConfig
from s2s.errors import UserError

if TYPE_CHECKING:
    from s2s.cli.common import Commands
    from s2s.store import Store


def add_commands(commands: "Commands") -> None:
    """Add `train` and `resume`."""
    parser = add_command(commands, "train", train, "Train one run; the last output is its summary.")
    default, add = TrainConfig(), parser.add_argument
    add(
        "--batch-size",
        type=int,
        default=default.batch_size,
        help="sentences per step (default: %(default)s)",
    )
    add(
        "--iterations",
        type=int,
        help="optimizer steps (default: 1,000, or unlimited with --seconds)",
    )
    add("--seconds", type=float, default=0.0, help="stop after this training time")
    add(
        "--engine",
        default=default.engine.value,
        choices=values(Engine),
        help="implementation of a step (default: %(default)s)",
    )
    add(
        "--evaluate-every",
        type=int,
        default=default.evaluate_every,
        help="iterations between evaluations; 0: about ten evaluations per run",
    )
    add("--target-loss", type=float, default=0.0, help="stop at this validation loss per token")
    add(
        "--continue",
        dest="continue_from",
        metavar="RUN",
        help="start from the weights of this run (id, or last)",
    )
    add_training_options(parser)
    resuming = add_command(commands, "resume", resume, "Resume an interrupted run.")
    resuming.add_argument("run", metavar="RUN", help="run id, or last")


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that a run and a sweep share."""
    add_model_options(parser)
    default, add = TrainConfig(), parser.add_argument
    add(
        "--dropout",
        type=float,
        default=default.dropout,
        help="share of embedding values set to 0 (default: %(default)s)",
    )
    add(
        "--momentum",
        type=float,
        default=default.momentum,
        help="of rmsprop and sgd (default: %(default)s)",
    )
    add(
        "--teacher-forcing",
        type=float,
        default=default.teacher_forcing,
        help="share of batches decoded from the reference (default: %(default)s)",
    )
    add(
        "--length-pool",
        type=int,
        default=default.length_pool,
        help="batches drawn together and grouped by length; 0: drawn independently",
    )
    add("--seed", type=int, default=default.seed, help="default: %(default)s")
    add(
        "--precision",
        default=default.precision.value,
        choices=values(Precision),
        help="of products (default: %(default)s)",
    )
    add(
        "--sentence",
        action="append",
        default=[],
        help="sentence to translate at each evaluation; can be repeated",
    )
    add(
        "--quality",
        dest="measure_quality",
        action="store_true",
        help="add BLEU and chrF on the test split to the summary",
    )
    add(
        "--keep-optimizer",
        action="store_true",
        help="keep the optimizer state, so that the run can be continued exactly",
    )


def train(options: argparse.Namespace) -> int:
    from s2s.data import catalog
    from s2s.paths import corpora_folder, home
    from s2s.store import Store

    config = _read_config(options)
    store = Store(home())
    if options.continue_from is not None:
        run_id = find_trained_run(store, options.continue_from)
        config = dataclasses.replace(config, continue_from=run_id)
    catalog.open_corpus(corpora_folder(), config.corpus)  # a mistyped name makes no failed run
    return _execute(options, store, store.create_run(config))


def resume(options: argparse.Namespace) -> int:
    from s2s.paths import home
    from s2s.runs.resume import resume_run
    from s2s.store import Store

    store = Store(home())
    store.mark_interrupted()
    run_id = (
        _newest_resumable(store) if options.run == "last" else find_trained_run(store, options.run)
    )
    return _execute(options, store, resume_run(store, run_id).id)


def _read_config(options: argparse.Namespace) -> TrainConfig:
    iterations = UNLIMITED if options.seconds else TrainConfig.iterations
    return TrainConfig.from_json(
        {
            **vars(options),
            "max_seconds": options.seconds,
            "sentences": options.sentence,
            "iterations": iterations if options.iterations is None else options.iterations,
            "continue_from": None,
        }
    )


def _newest_resumable(store: "Store") -> int:
    from s2s.runs.resume import find_resumable

    runs = [run for run, _ in find_resumable(store)]
    if not runs:
        raise UserError("No interrupted run can be resumed. List all with `python -m s2s runs`.")
    begun = [run for run in runs if run.iterations_done]  # a shutdown also interrupts queued runs
    return (begun or runs)[0].id


def _execute(options: argparse.Namespace, store: "Store", run_id: int) -> int:
    """Train a queued run and print its summary."""
    from s2s.records import RunState
    from s2s.runs.execute import execute
    from s2s.runs.files import has_checkpoint
    from s2s.text.listing import summary_text
    from s2s.text.run import describe_result

    stop = Event()
    stop_on_signals(stop)
    with TrainingProgress(options, store, run_id) as progress:
        state = execute(store, run_id, stop, progress.show)
    run = store.run(run_id)
    if run.summary:
        text = summary_text(run, run.summary, can_translate=has_checkpoint(run_id))
        print_as(options, dataclasses.asdict(run.summary), text)
    if message := describe_result(run):
        print_text(f"s2s: run {run_id}: {message}", sys.stderr)
    if state is RunState.FINISHED:
        return 0
    return EXIT_STOPPED if stop.is_set() or state is RunState.STOPPED else EXIT_ERROR
