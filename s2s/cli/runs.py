"""The commands about recorded runs: list, export, evaluate, gradient noise, translate."""

import argparse
import dataclasses
import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from s2s.cli import common
from s2s.errors import UserError, quote
from s2s.paths import home, run_folder
from s2s.runs.export import export_csv, export_json, run_to_json
from s2s.runs.resume import find_resume_iteration
from s2s.store import Store
from s2s.text.listing import format_run, format_translation


def add_commands(commands: common.Commands) -> None:
    """Add `runs`, `export`, `evaluate`, `noise` and `translate`."""
    add_command = functools.partial(common.add_command, commands)
    listing = add_command("runs", list_runs, "List runs, newest first.")
    listing.add_argument("--archived", action="store_true", help="include archived runs")
    export_help = "Export every run: CSV with a row per step, or JSON per run."
    exporting = add_command("export", export, export_help)
    format_help = "default: %(default)s"
    exporting.add_argument("--format", choices=("csv", "json"), default="csv", help=format_help)
    exporting.add_argument("--output", default="-", metavar="FILE", help="default: standard output")
    evaluate_help = "Measure BLEU and chrF of a run on the test split."
    common.add_run_option(add_command("evaluate", evaluate, evaluate_help))
    noise_help = "Measure the gradient noise scale of a run's weights."
    measuring = add_command("noise", measure_noise, noise_help)
    common.add_run_option(measuring)
    measuring.add_argument(
        "--sentences",
        type=int,
        default=10_240,
        help="sentences to take gradients of (default: 10,240); more sentences narrow the interval",
    )
    translating = add_command("translate", translate, "Translate with the model of a run.")
    common.add_run_option(translating)
    sentences_help = "default: standard input, one sentence per line"
    translating.add_argument("sentences", nargs="*", metavar="SENTENCE", help=sentences_help)


def list_runs(options: argparse.Namespace) -> None:
    store = Store(home())
    store.mark_interrupted()
    runs = store.runs(archived=options.archived)
    for problem in store.unreadable["runs"]:
        common.print_text(problem, sys.stderr)
    for run in runs:
        iteration = find_resume_iteration(store, run)
        values = {**run_to_json(run), "resume_iteration": iteration}
        common.print_result(options, values, format_run(run, iteration))
    if not runs and not options.json:
        if not options.archived and store.runs(archived=True):
            print("All runs are archived. List them with `python -m s2s runs --archived`.")
        else:
            print("No runs yet. Start one with `python -m s2s train`.")


def export(options: argparse.Namespace) -> None:
    write = export_json if options.json or options.format == "json" else export_csv
    if options.output == "-":
        write(Store(home()), sys.stdout)
        return
    try:
        with _open_for_replacement(Path(options.output)) as file:
            write(Store(home()), file)
    except (OSError, ValueError) as error:  # ValueError: the name contains NUL
        reason = error.strerror if isinstance(error, OSError) else "invalid file name"
        raise UserError(f"Cannot write {quote(options.output)} ({reason}).") from error


@contextmanager
def _open_for_replacement(path: Path) -> Iterator[IO[str]]:
    """Open a file that replaces `path` when it is complete. Open a pipe or device directly."""
    is_file = path.is_file() or not path.exists()
    write_path = path.with_name(f".{path.name}.{os.getpid()}") if is_file else path
    try:
        with write_path.open("w", encoding="utf-8", newline="") as file:
            yield file
        if is_file:
            write_path.replace(path)
    finally:
        if is_file:
            with suppress(OSError):
                write_path.unlink(missing_ok=True)


def evaluate(options: argparse.Namespace) -> None:
    from s2s.runs.measure import measure_quality

    run_id = common.find_trained_run(Store(home()), options.run)
    with common.show_progress() as show:
        quality = measure_quality(run_id, functools.partial(show, "Translating"))
    text = (
        f"Run {run_id}: BLEU {quality.bleu:.1f}, chrF {quality.chrf:.1f} "
        f"on {quality.sentences:,} sentences of the test split."
    )
    common.print_result(options, {"run_id": run_id, **dataclasses.asdict(quality)}, text)


def measure_noise(options: argparse.Namespace) -> None:
    from s2s.runs.measure import measure_gradient_noise
    from s2s.text.advice import describe_gradient_noise  # scipy: slow to import

    store = Store(home())
    run_id = common.find_trained_run(store, options.run)
    with common.show_progress() as show:
        report = functools.partial(show, f"Gradients of run {run_id}")
        noise = measure_gradient_noise(run_id, report, options.sentences)
    store.save_gradient_noise(noise)
    common.print_result(options, dataclasses.asdict(noise), describe_gradient_noise(noise))


def translate(options: argparse.Namespace) -> None:
    from s2s.translation.translator import Translator

    run_id = common.find_trained_run(Store(home()), options.run)
    lines = options.sentences or [line.rstrip("\n") for line in sys.stdin]
    sentences = [line for line in lines if line.strip()]
    if not sentences:
        raise UserError("Give sentences as arguments, or one per line on standard input.")
    for translation in Translator.load(run_folder(run_id)).translate(sentences):
        values = {"run_id": run_id, **dataclasses.asdict(translation)}
        common.print_result(options, values, format_translation(translation))
