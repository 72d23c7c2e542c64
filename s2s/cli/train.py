"""The commands `train` and `resume`."""

import argparse
import dataclasses
import functools
import sys

from s2s.cli import common
from s2s.cli.progress import TrainingProgress
from s2s.config import MAX_ITERATIONS, TrainConfig
from s2s.errors import UserError
from s2s.paths import corpora_folder, home
from s2s.records import RunState
from s2s.runs.files import has_checkpoint
from s2s.runs.resume import find_resumable, resume_run
from s2s.store import Store
from s2s.text.listing import format_summary
from s2s.text.run import describe_result


def add_commands(commands: common.Commands) -> None:
    """Add `train` and `resume`."""
    parser = common.add_command(
        commands, "train", train, "Train one run; the last output is its summary."
    )
    default, add = TrainConfig(), functools.partial(common.add_option, parser)
    add("--batch-size", default.batch_size, "sentences per step")
    iterations_help = "optimizer steps (default: 1,000, or unlimited with --seconds)"
    parser.add_argument("--iterations", type=int, help=iterations_help)
    add("--seconds", default.max_seconds, "stop after this training time; 0: no limit")
    add("--engine", default.engine, "implementation of a step")
    add("--evaluate-every", default.evaluate_every, "evaluation interval; 0: ten evaluations")
    add("--target-loss", default.target_loss, "stop at this validation loss per token; 0: none")
    parser.add_argument(
        "--continue",
        dest="continue_from",
        metavar="RUN",
        help="start from the weights of this run (id, or last)",
    )
    add_training_options(parser)
    resuming = common.add_command(commands, "resume", resume, "Resume an interrupted run.")
    resuming.add_argument("run", metavar="RUN", help="run id, or last")


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that a run and a sweep share."""
    common.add_model_options(parser)
    default, add = TrainConfig(), functools.partial(common.add_option, parser)
    flag = functools.partial(parser.add_argument, action="store_true")
    add("--dropout", default.dropout, "share of embedding values set to 0")
    add("--momentum", default.momentum, "momentum of rmsprop and sgd")
    add("--teacher-forcing", default.teacher_forcing, "share of batches decoded from the reference")
    add("--length-pool", default.length_pool, "batches drawn together and grouped by length")
    add("--seed", default.seed, "seed of weights, batches and dropout")
    add("--precision", default.precision, "precision of matrix products")
    parser.add_argument(
        "--sentence",
        dest="sentences",
        metavar="SENTENCE",
        action="append",
        default=[],
        help="sentence to translate at each evaluation; can be repeated",
    )
    quality_help = "add BLEU and chrF on the test split to the summary"
    flag("--quality", dest="measure_quality", help=quality_help)
    optimizer_help = "keep the optimizer state, so that the run can be continued exactly"
    flag("--keep-optimizer", help=optimizer_help)


def train(options: argparse.Namespace) -> int:
    from s2s.data import catalog

    config = _read_config(options)
    store = Store(home())
    if options.continue_from is not None:
        run_id = common.find_trained_run(store, options.continue_from)
        config = dataclasses.replace(config, continue_from=run_id)
    catalog.open_corpus(corpora_folder(), config.corpus)  # a mistyped name makes no failed run
    return _execute(options, store, store.create_run(config))


def resume(options: argparse.Namespace) -> int:
    store = Store(home())
    store.mark_interrupted()
    run_id = (
        _newest_resumable(store)
        if options.run == "last"
        else common.find_trained_run(store, options.run)
    )
    return _execute(options, store, resume_run(store, run_id).id)


def _read_config(options: argparse.Namespace) -> TrainConfig:
    iterations = MAX_ITERATIONS if options.seconds else TrainConfig.iterations
    return TrainConfig.from_json(
        {
            **vars(options),
            "max_seconds": options.seconds,
            "iterations": iterations if options.iterations is None else options.iterations,
            "continue_from": None,
        }
    )


def _newest_resumable(store: Store) -> int:
    runs = [run for run, _ in find_resumable(store)]
    if not runs:
        raise UserError("No interrupted run can be resumed. List all with `python -m s2s runs`.")
    begun = [run for run in runs if run.iterations_done]  # a shutdown also interrupts queued runs
    return (begun or runs)[0].id


def _execute(options: argparse.Namespace, store: Store, run_id: int) -> int:
    """Train a queued run and print its summary."""
    from s2s.runs.execute import execute

    stop = common.stop_on_signals()
    progress = TrainingProgress(options, store, run_id)
    with progress.bar:
        state = execute(store, run_id, stop, progress.show)
    run = store.run(run_id)
    if run.summary:
        text = format_summary(run, run.summary, can_translate=has_checkpoint(run_id))
        common.print_as(options, dataclasses.asdict(run.summary), text)
    if message := describe_result(run):
        common.print_text(f"s2s: run {run_id}: {message}", sys.stderr)
    if state is RunState.FINISHED:
        return 0
    return common.EXIT_STOPPED if stop.is_set() or state is RunState.STOPPED else common.EXIT_ERROR
