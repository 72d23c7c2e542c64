"""The commands about recorded runs: `runs`, `export`, `evaluate`, `noise`."""

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from s2s.cli.common import (
    add_command,
    add_run_option,
    find_trained_run,
    print_as,
    print_text,
)
from s2s.cli.progress import ProgressLine
from s2s.errors import UserError, quote

if TYPE_CHECKING:
    from s2s.cli.common import Commands


def add_commands(commands: "Commands") -> None:
    """Add `runs`, `export`, `evaluate` and `noise`."""
    listing = add_command(commands, "runs", list_runs, "List runs, newest first.")
    listing.add_argument("--archived", action="store_true", help="include archived runs")
    exporting = add_command(
        commands, "export", export, "Export every run: CSV with a row per step, or JSON per run."
    )
    exporting.add_argument(
        "--format", choices=("csv", "json"), default="csv", help="default: %(default)s"
    )
    exporting.add_argument("--output", default="-", metavar="FILE", help="default: standard output")
    evaluating = add_command(
        commands, "evaluate", evaluate, "Measure BLEU and chrF of a run on the test split."
    )
    add_run_option(evaluating)
    measuring = add_command(
        commands, "noise", measure_noise, "Measure the gradient noise scale of a run's weights."
    )
    add_run_option(measuring)
    measuring.add_argument(
        "--sentences",
        type=int,
        help="sentences to take gradients of (default: 10,240); more sentences narrow the interval",
    )


def list_runs(options: argparse.Namespace) -> int:
    from s2s.paths import home
    from s2s.runs.export import run_json
    from s2s.runs.resume import resume_iteration
    from s2s.store import Store
    from s2s.text.listing import run_line

    store = Store(home())
    store.mark_interrupted()
    runs = store.runs(archived=options.archived)
    for problem in store.unreadable["runs"]:
        print_text(problem, sys.stderr)
    for run in runs:
        iteration = resume_iteration(store, run)
        print_as(
            options, {**run_json(run), "resume_iteration": iteration}, run_line(run, iteration)
        )
    if not runs and not options.json:
        if not options.archived and store.runs(archived=True):
            print("All runs are archived. List them with `python -m s2s runs --archived`.")
        else:
            print("No runs yet. Start one with `python -m s2s train`.")
    return 0


def export(options: argparse.Namespace) -> int:
    from s2s.paths import home
    from s2s.runs.export import export_csv, export_json
    from s2s.store import Store

    write = export_json if options.json or options.format == "json" else export_csv
    if options.output == "-":
        write(Store(home()), sys.stdout)
        return 0
    try:
        with _open_for_replacement(Path(options.output)) as file:
            write(Store(home()), file)
    except (OSError, ValueError) as error:  # ValueError: a name that contains NUL
        reason = error.strerror if isinstance(error, OSError) else "invalid file name"
        raise UserError(f"Cannot write {quote(options.output)} ({reason}).") from error
    return 0


@contextmanager
def _open_for_replacement(path: Path) -> Iterator[IO[str]]:
    """Open a file that replaces `path` once it is complete; pipes are written directly."""
    is_file = path.is_file() or not path.exists()
    target = path.with_name(f".{path.name}.{os.getpid()}") if is_file else path
    try:
        with target.open("w", encoding="utf-8", newline="") as file:
            yield file
        if is_file:
            target.replace(path)
    finally:
        if is_file:
            with suppress(OSError):
                target.unlink(missing_ok=True)


def evaluate(options: argparse.Namespace) -> int:
    from s2s.paths import home
    from s2s.runs.measure import measure_quality
    from s2s.store import Store

    run_id = find_trained_run(Store(home()), options.run)
    with ProgressLine() as line:
        quality = measure_quality(run_id, lambda share: line.show("Translating", share))
    text = (
        f"Run {run_id}: BLEU {quality.bleu:.1f}, chrF {quality.chrf:.1f} "
        f"on {quality.sentences:,} sentences of the test split."
    )
    print_as(options, {"run_id": run_id, **dataclasses.asdict(quality)}, text)
    return 0


def measure_noise(options: argparse.Namespace) -> int:
    from s2s.paths import home
    from s2s.runs.measure import measure_gradient_noise
    from s2s.store import Store
    from s2s.text.listing import gradient_noise_text
    from s2s.training.gradient_noise import SAMPLES

    store = Store(home())
    run_id = find_trained_run(store, options.run)
    with ProgressLine() as line:
        noise = measure_gradient_noise(
            run_id,
            lambda share: line.show("Gradients", share),
            SAMPLES if options.sentences is None else options.sentences,
        )
    store.save_gradient_noise(noise)
    print_as(options, dataclasses.asdict(noise), gradient_noise_text(noise))
    return 0
