"""The commands `train` and `resume`."""

import argparse
import dataclasses
import functools
import sys

from tqdm import tqdm

from s2s.analysis.run.progress import estimate_progress
from s2s.cli import common
from s2s.config import MAX_ITERATIONS, TrainConfig
from s2s.errors import UserError
from s2s.formatting import format_iterations
from s2s.paths import corpora_folder, home
from s2s.records import Evaluation, RunState, StepRecord
from s2s.runs.files import has_checkpoint
from s2s.runs.resume import find_resumable, resume_run
from s2s.store import Store
from s2s.text.listing import format_summary
from s2s.text.run import describe_result


def add_commands(commands: common.Commands) -> None:
    """Add `train` and `resume`."""
    train_help = "Train one run, then print its summary."
    parser = common.add_command(commands, "train", train, train_help)
    default, add = TrainConfig(), functools.partial(common.add_option, parser)
    add("--batch-size", default.batch_size, "sentences per step")
    iterations_help = "optimizer steps (default: 1,000, or unlimited with --seconds)"
    parser.add_argument("--iterations", type=int, help=iterations_help)
    add("--seconds", default.max_seconds, "stop after this training time; 0: no limit")
    add("--engine", default.engine, "implementation of a step")
    add("--evaluate-every", default.evaluate_every, "evaluation interval; 0: ten evaluations")
    add("--target-loss", default.target_loss, "stop at this validation loss per token; 0: none")
    continue_help = "start from the weights of this run (id, or last)"
    parser.add_argument("--continue", dest="continue_from", metavar="RUN", help=continue_help)
    add_training_options(parser)
    resuming = common.add_command(commands, "resume", resume, "Resume an interrupted run.")
    resuming.add_argument("run", metavar="RUN", help="run id, or last")


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that the commands `train` and `sweep` share."""
    common.add_model_options(parser)
    default, add = TrainConfig(), functools.partial(common.add_option, parser)
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
    parser.add_argument("--quality", dest="measure_quality", action="store_true", help=quality_help)
    optimizer_help = "keep the optimizer state, so that the run can be continued exactly"
    parser.add_argument("--keep-optimizer", action="store_true", help=optimizer_help)


def train(options: argparse.Namespace) -> int:
    from s2s.data import catalog

    config = _read_config(options)
    store = Store(home())
    if options.continue_from is not None:
        run_id = common.find_trained_run(store, options.continue_from)
        config = dataclasses.replace(config, continue_from=run_id)
    catalog.open_corpus(corpora_folder(), config.corpus)  # raises an error before a run is created
    return _execute(options, store, store.create_run(config))


def resume(options: argparse.Namespace) -> int:
    store = Store(home())
    store.mark_interrupted()
    is_last = options.run == "last"
    run_id = _find_resumable(store) if is_last else common.find_trained_run(store, options.run)
    return _execute(options, store, resume_run(store, run_id).id)


def _read_config(options: argparse.Namespace) -> TrainConfig:
    iterations = MAX_ITERATIONS if options.seconds else TrainConfig.iterations
    values = vars(options) | {
        "max_seconds": options.seconds,
        "iterations": iterations if options.iterations is None else options.iterations,
        "continue_from": None,
    }
    return TrainConfig.from_json(values)


def _find_resumable(store: Store) -> int:
    """Return the id of the newest resumable run, preferably one that has done iterations."""
    runs = [run for run, _ in find_resumable(store)]
    if not runs:
        raise UserError("No interrupted run can be resumed. List all with `python -m s2s runs`.")
    started = [run for run in runs if run.iterations_done]  # a shutdown also interrupts queued runs
    return (started or runs)[0].id


def _execute(options: argparse.Namespace, store: Store, run_id: int) -> int:
    """Train a queued run and print its summary."""
    from s2s.runs.execute import execute

    stop = common.stop_on_signals()
    progress = _ProgressBar(options, store, run_id)
    with progress.bar:
        state = execute(store, run_id, stop, progress.show)
    run = store.run(run_id)
    if run.summary:
        text = format_summary(run, run.summary, can_translate=has_checkpoint(run_id))
        common.print_result(options, dataclasses.asdict(run.summary), text)
    if message := describe_result(run):
        common.print_text(f"s2s: run {run_id}: {message}", sys.stderr)
    if state is RunState.FINISHED:
        return 0
    return common.EXIT_STOPPED if stop.is_set() or state is RunState.STOPPED else common.EXIT_ERROR


class _ProgressBar:
    """Progress bar of a run that also prints evaluations and write errors of the store."""

    def __init__(self, options: argparse.Namespace, store: Store, run_id: int) -> None:
        self._options, self._store, self._write_error = options, store, ""
        self._config, steps = store.run(run_id).config, store.steps(run_id)
        self._iterations, self._seconds = len(steps), float(steps["seconds"].sum())
        bar_format, done = "{l_bar}{bar}| {elapsed}<{remaining}{postfix}", self._fraction()
        self.bar = tqdm(total=1.0, initial=done, bar_format=bar_format, disable=None, leave=False)

    def show(self, event: StepRecord | Evaluation) -> None:
        if self._store.write_error != self._write_error:
            self._write_error = self._store.write_error
            if self._write_error:
                tqdm.write(f"s2s: {self._write_error}", file=sys.stderr)
        if isinstance(event, StepRecord):
            self._iterations += 1
            self._seconds += event.seconds
            self.bar.set_description_str(format_iterations(self._iterations), refresh=False)
            self.bar.update(self._fraction() - self.bar.n)
        elif self._options.json:
            common.print_json({"event": "evaluation", **dataclasses.asdict(event)})
        elif event.validation_loss_per_token is not None:
            self.bar.set_postfix_str(f"validation {event.validation_loss_per_token:.3f}")

    def _fraction(self) -> float:
        return estimate_progress(self._config, self._iterations, self._seconds, None).share
