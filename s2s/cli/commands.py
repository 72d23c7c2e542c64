"""One function a command: reads its options, calls the core, prints; returns the exit code."""

import argparse
import dataclasses
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import IO, Any

from s2s.bench.report import keep_bench
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
from s2s.cli.progress import Doing, TrainingProgress
from s2s.cli.text import (
    corpus_line,
    noise_text,
    readable,
    run_line,
    summary_text,
    translation_text,
)
from s2s.config import UNLIMITED, CorpusChoices, TrainConfig
from s2s.data import catalog
from s2s.errors import UserError, quote
from s2s.machine.host import system_info
from s2s.paths import corpora_folder, home, run_folder
from s2s.records import BenchReport, RunState
from s2s.runs.export import export_csv, export_json, run_json
from s2s.runs.files import has_checkpoint
from s2s.runs.resume import resumable, resumes_at
from s2s.runs.resume import resume as resume_run
from s2s.store import Store
from s2s.text.bench import bench_text
from s2s.threads import Waiting, set_waiting


def corpora_list(options: argparse.Namespace) -> int:
    infos = catalog.list_corpora(corpora_folder())
    damaged = catalog.damaged_corpora(corpora_folder())
    for error in damaged:
        print(f"s2s: {error}", file=sys.stderr)
    for info in infos:
        print_as(options, dataclasses.asdict(info), corpus_line(info))
    if not infos and not damaged and not options.json:
        print("No corpus is prepared yet; `python -m s2s corpora add starter` prepares one.")
    return 0


def corpora_add(options: argparse.Namespace) -> int:
    choices = CorpusChoices(
        normalizer=options.normalizer,
        direction=options.direction,
        max_length=options.max_length,
        min_count=options.min_count,
        max_vocabulary=options.max_vocabulary,
    )
    with Doing() as doing:
        info = catalog.add(corpora_folder(), options.what, options.name, choices, doing)
    if info.bad_lines:
        numbers = ", ".join(map(str, info.bad_line_numbers[:10]))
        more = ", ..." if info.bad_lines > 10 else ""
        print(f"{info.bad_lines:,} lines were left out: {numbers}{more}", file=sys.stderr)
    if info.attribution:
        say(info.attribution, sys.stderr)
    print_as(options, dataclasses.asdict(info), corpus_line(info))
    return 0


def corpora_remove(options: argparse.Namespace) -> int:
    catalog.remove(corpora_folder(), options.name)
    return 0


def train(options: argparse.Namespace) -> int:
    config = _train_config(options)

    def queued(store: Store) -> int:
        catalog.open_corpus(corpora_folder(), config.corpus)  # a mistyped name leaves no failed run
        return store.create_run(config)

    return _carry_out(options, queued)


def resume(options: argparse.Namespace) -> int:
    """Goes on with an interrupted run, as `train` does."""
    return _carry_out(options, lambda store: _queue_again(store, options.run))


def _carry_out(options: argparse.Namespace, queued: Callable[[Store], int]) -> int:
    """Trains the run that `queued` makes, and prints its summary."""
    from s2s.runs.execute import execute  # torch, seconds to load

    store = Store(home())
    run_id = queued(store)
    stop = Event()
    stop_on_signals(stop)
    with TrainingProgress(options, store, run_id) as progress:
        state = execute(store, run_id, stop, progress.show)
    run = store.run(run_id)
    if run.summary:
        print_as(options, dataclasses.asdict(run.summary), summary_text(run, run.summary))
    if run.message:
        say(f"s2s: run {run_id}: {run.message}", sys.stderr)
    if state is RunState.FINISHED:
        return 0
    return EXIT_STOPPED if stop.is_set() or state is RunState.STOPPED else EXIT_ERROR


def bench(options: argparse.Namespace) -> int:
    base = TrainConfig.from_json(vars(options) | {"precision": TrainConfig.precision})
    choices: dict[str, Any] = {
        "engines": listed(options.engines) or None,
        "batch_sizes": batch_sizes(options.batch_sizes),
        "precisions": listed(options.precision),
        "rounds": _at_least_one(options.rounds),
        "seconds": _above_zero(options.seconds),
        "command": options.typed,
    }
    if options.openmp:
        set_waiting(os.environ, Waiting(options.openmp))  # torch reads it when it is loaded
    from s2s.bench.measurement import Measurement  # torch, seconds to load

    measurement = Measurement(base, **choices)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    try:
        with Doing() as doing:
            for what, share in measurement.run():
                doing(what, share)
    except KeyboardInterrupt:
        if not measurement.report():
            say("s2s: stopped before anything was measured.", sys.stderr)
        return EXIT_STOPPED
    finally:  # whatever ended it
        if report := measurement.report():
            _show_bench(options, report)
    return 0


def _show_bench(options: argparse.Namespace, report: BenchReport) -> None:
    if options.json:
        whole = dataclasses.asdict(report)
        for row in whole.pop("rows"):
            print_json({"event": "combination", **row})
        print_json({"event": "bench", **whole})
    else:
        say(bench_text(report))
    keep_bench(report)


def translate(options: argparse.Namespace) -> int:
    run_id = _run_id(options.run)
    sentences = options.sentences or [line.rstrip("\n") for line in sys.stdin]
    sentences = [sentence for sentence in sentences if sentence.strip()]
    if not sentences:
        raise UserError("Give sentences as arguments, or one a line on standard input.")
    from s2s.translation.translator import Translator  # torch, seconds to load

    for translation in Translator.load(run_folder(run_id)).translate(sentences):
        print_as(
            options,
            {"run_id": run_id, **dataclasses.asdict(translation)},
            translation_text(translation),
        )
    return 0


def evaluate(options: argparse.Namespace) -> int:
    run_id = _run_id(options.run)
    from s2s.runs.quality import quality_on_test_part  # torch, seconds to load

    with Doing() as doing:
        found = quality_on_test_part(run_id, progress=lambda share: doing("Translating", share))
    print_as(
        options,
        {"run_id": run_id, **dataclasses.asdict(found)},
        f"Run {run_id}: BLEU {found.bleu:.1f}, chrF {found.chrf:.1f} "
        f"on {found.sentences:,} unseen sentences.",
    )
    return 0


def noise(options: argparse.Namespace) -> int:
    run_id = _run_id(options.run)
    from s2s.runs.gradient_noise import noise_of_run  # torch, seconds to load
    from s2s.training.gradient_noise import SAMPLES

    with Doing() as doing:
        found = noise_of_run(
            run_id,
            SAMPLES if options.sentences is None else options.sentences,
            lambda share: doing("Gradients", share),
        )
    Store(home()).save_gradient_noise(found)
    print_as(options, dataclasses.asdict(found), noise_text(found))
    return 0


def runs(options: argparse.Namespace) -> int:
    store = Store(home())
    store.mark_interrupted()
    listed = store.runs(archived=options.archived)
    for problem in store.unreadable["runs"]:
        say(problem, sys.stderr)
    for run in listed:
        iteration = resumes_at(store, run)
        print_as(options, run_json(run) | {"resumes_at": iteration}, run_line(run, iteration))
    if not listed and not options.json:
        hidden = not options.archived and store.runs(archived=True)
        print(
            "All runs are archived; `python -m s2s runs --archived` lists them."
            if hidden
            else "No run yet; `python -m s2s train` starts one."
        )
    return 0


def export(options: argparse.Namespace) -> int:
    write = export_json if options.json or options.format == "json" else export_csv
    if options.output == "-":
        write(Store(home()), sys.stdout)
        return 0
    try:
        with _replacing(Path(options.output)) as file:
            write(Store(home()), file)
    except (OSError, ValueError) as error:  # a name with a NUL in it
        why = error.strerror if isinstance(error, OSError) else "no file can be called so"
        raise UserError(f"{quote(options.output)} cannot be written ({why}).") from error
    return 0


@contextmanager
def _replacing(path: Path) -> Iterator[IO[str]]:
    """Takes the place of `path` once it is complete; a pipe or the like is written as it is."""
    whole = path.is_file() or not path.exists()
    beside = path.with_name(f".{path.name}.{os.getpid()}") if whole else path
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            yield file
        if whole:
            beside.replace(path)
    finally:
        if whole:
            with suppress(OSError):
                beside.unlink(missing_ok=True)


def system(options: argparse.Namespace) -> int:
    info = system_info()
    lines = [f"{name:24}{readable(value)}" for name, value in info.items()]
    print_as(options, info, "\n".join(lines))
    return 0


def _at_least_one(rounds: int) -> int:
    if rounds < 1:
        raise UserError(f"The number of rounds is 1 or more; got {rounds}.")
    return rounds


def _above_zero(seconds: float) -> float:
    if not 0 < seconds <= 86_400:
        raise UserError(f"The seconds of a round are above 0 and at most a day; got {seconds:g}.")
    return seconds


def _train_config(options: argparse.Namespace) -> TrainConfig:
    values = {**vars(options), "max_seconds": options.seconds, "sentences": options.sentence}
    if options.iterations is None:
        values["iterations"] = UNLIMITED if options.seconds else TrainConfig.iterations
    if options.continue_from is not None:
        values["continue_from"] = _run_id(options.continue_from)
    return TrainConfig.from_json(values)


def _queue_again(store: Store, text: str) -> int:
    store.mark_interrupted()
    if text != "last":
        return resume_run(store, _run_id(text)).id
    found = [run for run, _ in resumable(store)]
    if not found:
        raise UserError("No interrupted run can be resumed; `python -m s2s runs` lists all.")
    begun = [run for run in found if run.iterations_done]  # a shutdown interrupts those queued too
    return resume_run(store, (begun or found)[0].id).id


def _run_id(text: str) -> int:
    store = Store(home())
    if text == "last":
        for run in store.runs():
            if has_checkpoint(run.id):
                return run.id
        raise UserError("No run has a checkpoint yet; `python -m s2s train` makes one.")
    if not re.fullmatch("[0-9]{1,18}", text):
        raise UserError(f"A run is given by its id, or as last; got {quote(text)}.")
    run = store.run(int(text))
    if run.deleted_at is not None:
        raise UserError(f"Run {run.id} was deleted; Compare in the dashboard can bring it back.")
    return run.id
