"""The command line: the dashboard's powers without a browser."""

import argparse
import dataclasses
import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import Any

from tqdm import tqdm

from s2s.analysis import words
from s2s.analysis.bench_table import bench_text, paired_text
from s2s.config import (
    UNLIMITED,
    CorpusChoices,
    Direction,
    Engine,
    Normalizer,
    OptimizerName,
    Precision,
    TrainConfig,
    UserError,
)
from s2s.data import catalog
from s2s.home import corpora_folder, home, run_folder
from s2s.metrics.system import system_info
from s2s.records import (
    BenchReport,
    CorpusInfo,
    Evaluation,
    PairedReport,
    Run,
    RunState,
    StepRecord,
    Summary,
    Translation,
)
from s2s.runs.against import Other
from s2s.runs.artifacts import has_checkpoint
from s2s.runs.bench_file import keep_bench
from s2s.runs.export import export_csv, export_json, run_json
from s2s.runs.store import Store
from s2s.threads import Waiting, set_waiting

EXIT_ERROR = 1
EXIT_STOPPED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code: 0, 1 with a sentence, 130 where it was stopped."""
    options = _parser().parse_args(arguments)
    options.typed = f"python -m s2s {shlex.join(sys.argv[1:] if arguments is None else arguments)}"
    try:
        code = int(options.command(options))
        sys.stdout.flush()  # here, where a closed pipe is caught
        return code
    except UserError as error:
        print(f"s2s: {error}", file=sys.stderr)
        return EXIT_ERROR
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return EXIT_STOPPED


def corpora_list(options: argparse.Namespace) -> int:
    infos = catalog.list_corpora(corpora_folder())
    for info in infos:
        _print(options, _corpus_json(info), _corpus_line(info))
    if not infos and not options.json:
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
    with _Doing() as doing:
        info = catalog.add(corpora_folder(), options.what, options.name, choices, doing)
    if info.bad_lines:
        numbers = ", ".join(map(str, info.bad_line_numbers[:10]))
        more = ", ..." if info.bad_lines > 10 else ""
        print(f"{info.bad_lines:,} lines were left out: {numbers}{more}", file=sys.stderr)
    if info.attribution:
        print(info.attribution, file=sys.stderr)
    _print(options, _corpus_json(info), _corpus_line(info))
    return 0


def corpora_remove(options: argparse.Namespace) -> int:
    catalog.remove(corpora_folder(), options.name)
    return 0


def train(options: argparse.Namespace) -> int:
    from s2s.runs.execute import execute  # torch, seconds to load

    config = _train_config(options)
    store = Store(home())
    run_id = store.create_run(config)
    stop = Event()
    _stop_on_signals(stop)
    with _TrainingProgress(options, config) as progress:
        state = execute(store, run_id, stop, progress.show)
    run = store.run(run_id)
    if run.summary:
        _print(options, dataclasses.asdict(run.summary), _summary_text(run, run.summary))
    if run.message:
        print(f"s2s: run {run_id}: {run.message}", file=sys.stderr)
    return {RunState.FINISHED: 0, RunState.STOPPED: EXIT_STOPPED}.get(state, EXIT_ERROR)


def bench(options: argparse.Namespace) -> int:
    base = TrainConfig.from_json(vars(options) | {"precision": TrainConfig.precision})
    choices: dict[str, Any] = {
        "engines": _listed(options.engines) or None,
        "batch_sizes": _batch_sizes(options.batch_sizes),
        "precisions": _listed(options.precision),
        "rounds": _at_least_one(options.rounds),
        "seconds": _above_zero(options.seconds),
        "command": options.typed,
    }
    other = Other(options.against, options.against_arguments) if options.against else None
    if options.openmp:
        set_waiting(os.environ, Waiting(options.openmp))  # torch reads it when it is loaded
    from s2s.runs.measure import Measurement, PairedMeasurement  # torch, seconds to load

    measurement = (
        PairedMeasurement(base, other, **choices) if other else Measurement(base, **choices)
    )
    try:
        with _Doing() as doing:
            for what, share in measurement.run():
                doing(what, share)
    except KeyboardInterrupt:
        return EXIT_STOPPED
    finally:  # whatever ended it
        if report := measurement.report():
            _show_bench(options, report)
    return 0


def _show_bench(options: argparse.Namespace, report: BenchReport | PairedReport) -> None:
    if options.json:
        whole = dataclasses.asdict(report)
        for row in whole.pop("rows"):
            print(json.dumps({"event": "combination", **row}))
        print(json.dumps({"event": "bench", **whole}, ensure_ascii=False), flush=True)
    else:
        text = bench_text(report) if isinstance(report, BenchReport) else paired_text(report)
        print(text, flush=True)
    if isinstance(report, BenchReport):
        keep_bench(report)


def translate(options: argparse.Namespace) -> int:
    run_id = _run_id(options.run)
    sentences = options.sentences or [line.rstrip("\n") for line in sys.stdin]
    sentences = [sentence for sentence in sentences if sentence.strip()]
    if not sentences:
        raise UserError("Give sentences as arguments, or one a line on standard input.")
    from s2s.training.translator import Translator  # torch, seconds to load

    for translation in Translator.load(run_folder(run_id)).translate(sentences):
        _print(
            options,
            {"run_id": run_id, **dataclasses.asdict(translation)},
            _translation_text(translation),
        )
    return 0


def evaluate(options: argparse.Namespace) -> int:
    run_id = _run_id(options.run)
    from s2s.runs.evaluate import quality_on_test_part  # torch, seconds to load

    found = quality_on_test_part(run_id)
    _print(
        options,
        {"run_id": run_id, **dataclasses.asdict(found)},
        f"Run {run_id}: BLEU {found.bleu:.1f}, chrF {found.chrf:.1f} "
        f"on {found.sentences:,} unseen sentences.",
    )
    return 0


def runs(options: argparse.Namespace) -> int:
    store = Store(home())
    store.mark_interrupted()
    listed = store.runs()
    for run in listed:
        _print(options, run_json(run), _run_line(run))
    if not listed and not options.json:
        print("No run yet; `python -m s2s train` starts one.")
    return 0


def export(options: argparse.Namespace) -> int:
    write = export_json if options.json or options.format == "json" else export_csv
    if options.output == "-":
        write(Store(home()), sys.stdout)
        return 0
    try:
        with Path(options.output).open("w", encoding="utf-8", newline="") as file:
            write(Store(home()), file)
    except OSError as error:
        raise UserError(f"{options.output} cannot be written ({error.strerror}).") from error
    return 0


def system(options: argparse.Namespace) -> int:
    info = system_info()
    lines = [f"{name:24}{_readable(value)}" for name, value in info.items()]
    _print(options, info, "\n".join(lines))
    return 0


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="one JSON object a line")
    parser = argparse.ArgumentParser(
        prog="python -m s2s", description="Which batch size? Train a translator and measure."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int], help_: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[common], help=help_, description=help_)
        added.set_defaults(command=run)
        return added

    _add_corpora(command("corpora", corpora_list, "List corpora, or add or remove one."))
    _add_train(command("train", train, "Train a model; the last line is its summary."))
    _add_bench(command("bench", bench, "Time engines, batch sizes and precisions in turn."))
    translating = command("translate", translate, "Translate with the model of a run.")
    translating.add_argument("--run", default="last", help="a run's id, or last (the default)")
    translating.add_argument("sentences", nargs="*", help="else one a line on standard input")
    evaluating = command("evaluate", evaluate, "BLEU and chrF on the corpus's test part.")
    evaluating.add_argument("--run", default="last", help="a run's id, or last (the default)")
    command("runs", runs, "List all runs, the newest first.")
    exporting = command("export", export, "Write every run: a CSV row a step, or JSON a run.")
    exporting.add_argument("--format", choices=("csv", "json"), default="csv")
    exporting.add_argument("--output", default="-", help="a file; standard output by default")
    command("system", system, "Tell what this machine is.")
    return parser


def _add_corpora(parser: argparse.ArgumentParser) -> None:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,  # so as not to undo a --json before add or remove
        help="one JSON object a line",
    )
    commands = parser.add_subparsers(metavar="add|remove")
    choices = CorpusChoices()
    adding = commands.add_parser(
        "add",
        parents=[common],
        help="prepare a corpus",
        description="Prepare a .txt, .tsv or .zip of tab-separated pairs, a named pair such as "
        "fra-eng (downloaded), or starter (built in).",
    )
    adding.add_argument("what", metavar="NAME_OR_PATH")
    adding.add_argument("--name", default="", help="by default the file's name without suffix")
    adding.add_argument(
        "--normalizer", default=choices.normalizer.value, choices=_values(Normalizer)
    )
    adding.add_argument("--direction", default=choices.direction.value, choices=_values(Direction))
    adding.add_argument("--max-length", type=int, default=choices.max_length, help="words a side")
    adding.add_argument(
        "--min-count", type=int, default=choices.min_count, help="rarer words become UNK"
    )
    adding.add_argument(
        "--max-vocabulary", type=int, default=choices.max_vocabulary, help="words a side; 0: all"
    )
    adding.set_defaults(command=corpora_add)
    removing = commands.add_parser("remove", parents=[common], help="delete a prepared corpus")
    removing.add_argument("name")
    removing.set_defaults(command=corpora_remove)


def _add_train(parser: argparse.ArgumentParser) -> None:
    default = TrainConfig()
    add = parser.add_argument
    add("--corpus", default=default.corpus, help="a prepared corpus (default: %(default)s)")
    add("--batch-size", type=int, default=default.batch_size, help="sentences a step")
    add("--iterations", type=int, help="optimizer steps (1,000, or as many as --seconds allows)")
    add("--seconds", type=float, default=0.0, help="finish after this training time, if earlier")
    add("--engine", default=default.engine.value, choices=_values(Engine))
    add("--hidden-size", type=int, default=default.hidden_size)
    add("--layers", type=int, default=default.layers)
    add("--dropout", type=float, default=default.dropout)
    add("--optimizer", default=default.optimizer.value, choices=_values(OptimizerName))
    add("--learning-rate", type=float, default=default.learning_rate)
    add("--momentum", type=float, default=default.momentum)
    add("--teacher-forcing", type=float, default=default.teacher_forcing)
    add("--length-pool", type=int, default=0, help="batches drawn at once and cut by length")
    add("--seed", type=int, default=default.seed)
    add("--device", default=default.device, help="auto, cpu or cuda:N")
    add("--precision", default=default.precision.value, choices=_values(Precision))
    add("--threads", type=int, default=default.threads, help="0: torch's own choice")
    add("--evaluate-every", type=int, default=0, help="iterations; 0: ten times a run")
    add("--sentence", action="append", default=[], help="one to follow through the run")
    add("--keep-optimizer", action="store_true", help="so that training can go on exactly")
    add("--continue", dest="continues", type=int, metavar="RUN", help="start from its weights")


def _add_bench(parser: argparse.ArgumentParser) -> None:
    default = TrainConfig()
    add = parser.add_argument
    add("--corpus", default=default.corpus, help="a prepared corpus (default: %(default)s)")
    add("--engines", default="", help="such as article,fused; by default all that run here")
    add("--batch-sizes", default="2,32,128,512", help="sentences a step (default: %(default)s)")
    add("--precision", default=default.precision.value, help="such as fp32,bf16")
    add("--rounds", type=int, default=5, help="each visits every combination; or pairs")
    add("--seconds", type=float, default=2.0, help="of a combination in a round; at least 5 steps")
    add("--hidden-size", type=int, default=default.hidden_size)
    add("--layers", type=int, default=default.layers)
    add("--optimizer", default=default.optimizer.value, choices=_values(OptimizerName))
    add("--learning-rate", type=float, default=default.learning_rate)
    add("--device", default=default.device, help="auto, cpu or cuda:N")
    add("--threads", type=int, default=default.threads, help="0: torch's own choice")
    add(
        "--openmp",
        choices=_values(Waiting),
        help="how idle threads wait: briefly, as s2s does, or by default as torch does (they spin)",
    )
    add(
        "--against",
        metavar="PATH",
        help="another program to run in turn with ours (engine fused by default), each time with "
        "--batch-sizes B --threads N: a .py file or an executable that prints a JSON line with "
        "batch_size and samples_per_second or target_tokens_per_second (the latter is compared "
        "where it prints both)",
    )
    add(
        "--against-arguments",
        default="",
        metavar="TEXT",
        help="further arguments for it; with {batch_size} or {threads} in them nothing else is "
        "given to it",
    )


def _listed(text: str) -> list[str]:
    """The parts between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _batch_sizes(text: str) -> list[int]:
    parts = _listed(text)
    if not parts or not all(re.fullmatch("[0-9]{1,9}", part) for part in parts):
        raise UserError(f"Batch sizes are whole numbers with commas between; got {text!r}.")
    return [int(part) for part in parts]


def _at_least_one(rounds: int) -> int:
    if rounds < 1:
        raise UserError(f"The number of rounds is 1 or more; got {rounds}.")
    return rounds


def _above_zero(seconds: float) -> float:
    if not 0 < seconds <= 86_400:
        raise UserError(f"The seconds of a round are above 0 and at most a day; got {seconds:g}.")
    return seconds


def _values(kind: type[StrEnum]) -> list[str]:
    """As a person types them; argparse would show the members' own form."""
    return [member.value for member in kind]


def _train_config(options: argparse.Namespace) -> TrainConfig:
    values = {**vars(options), "max_seconds": options.seconds, "sentences": options.sentence}
    if options.iterations is None:
        values["iterations"] = UNLIMITED if options.seconds else TrainConfig.iterations
    return TrainConfig.from_json(values)


def _stop_on_signals(stop: Event) -> None:
    """The first Ctrl-C or SIGTERM ends the run after its step; the second Ctrl-C ends at once."""

    def ask_to_stop(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, ask_to_stop)
    signal.signal(signal.SIGTERM, ask_to_stop)


def _run_id(text: str) -> int:
    store = Store(home())
    if text == "last":
        for run in store.runs():
            if has_checkpoint(run.id):
                return run.id
        raise UserError("No run has a checkpoint yet; `python -m s2s train` makes one.")
    if not re.fullmatch("[0-9]{1,18}", text):
        raise UserError(f"A run is given by its id, or as last; got {text!r}.")
    return store.run(int(text)).id


class _Doing:
    """A line on standard error that tells what is being done, where a person looks on."""

    def __enter__(self) -> "_Doing":
        self._bar = tqdm(
            total=1.0, bar_format="{desc} {percentage:3.0f}%|{bar}|", disable=None, leave=False
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def __call__(self, doing: str, share: float | None) -> None:
        self._bar.set_description_str(doing)
        if share is not None:
            self._bar.n = share
            self._bar.refresh()


class _TrainingProgress:
    """A progress bar where a person looks on; evaluations as they come."""

    def __init__(self, options: argparse.Namespace, config: TrainConfig) -> None:
        self._options, self._config = options, config

    def __enter__(self) -> "_TrainingProgress":
        timed = bool(self._config.max_seconds)
        self._bar = tqdm(
            total=self._config.max_seconds if timed else self._config.iterations,
            unit="s" if timed else "it",
            bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}" if timed else None,
            disable=None,
            leave=False,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, event: StepRecord | Evaluation) -> None:
        if isinstance(event, StepRecord):
            # The last step ends a little after the time limit, and tqdm warns beyond its total.
            left = self._config.max_seconds - self._bar.n
            self._bar.update(min(event.seconds, left) if self._config.max_seconds else 1)
        elif self._options.json:
            print(json.dumps({"event": "evaluation", **dataclasses.asdict(event)}), flush=True)
        elif event.validation_loss_per_token is not None:
            self._bar.set_postfix_str(f"validation {event.validation_loss_per_token:.3f}")


def _print(options: argparse.Namespace, values: dict[str, Any], text: str) -> None:
    print(json.dumps(values, ensure_ascii=False) if options.json else text, flush=True)


def _corpus_json(info: CorpusInfo) -> dict[str, Any]:
    return dataclasses.asdict(info)


def _corpus_line(info: CorpusInfo) -> str:
    return (
        f"{info.name}: {info.source_language} to {info.target_language}, "
        f"{info.pairs_read:,} pairs, {info.pairs_kept:,} kept, "
        f"{info.source_words:,} and {info.target_words:,} words, "
        f"{info.choices.normalizer} normaliser, {info.seconds:.1f} s"
    )


def _run_line(run: Run) -> str:
    rate = run.summary and run.summary.samples_per_second
    speed = f", {rate:,.0f} samples/s" if rate else ""
    doubts = run.summary and words.doubts(run.summary.noise, run.summary.busy)
    loss = run.summary and run.summary.loss_per_token
    loss_text = f", loss {loss:.3f} a token" if loss else ""
    return (
        f"{run.id:>4}  {run.state:13} {run.name}: {run.config.engine}, "
        f"{run.iterations_done:,} iterations{speed}{f' ({doubts})' if doubts else ''}{loss_text}"
    )


def _step_text(summary: Summary) -> str:
    """The median step and how much steps vary."""
    varies = words.spread(summary.step_relative_iqr, summary.noise)
    return ", ".join(filter(None, [words.step_time(summary.step_seconds), varies]))


def _phases_text(summary: Summary) -> str:
    parts = (summary.phase_seconds or {}).items()
    return ", ".join(f"{name} {words.step_time(seconds)}" for name, seconds in parts)


def _summary_text(run: Run, summary: Summary) -> str:
    def shown(value: float | None, format_: str) -> str:
        return "not measured" if value is None else format(value, format_)

    return "\n".join(
        [
            f"Run {run.id} {summary.state} after {summary.iterations:,} iterations "
            f"in {summary.seconds:.1f} s on {run.device}.",
            f"  samples/s             {shown(summary.samples_per_second, ',.1f')}",
            f"  target tokens/s       {shown(summary.target_tokens_per_second, ',.0f')}",
            f"  step time             {_step_text(summary)}",
            f"  its phases            {_phases_text(summary) or 'not told apart'}",
            f"  padded share          {shown(summary.padded_share, '.0%')}",
            f"  loss a token          {shown(summary.loss_per_token, '.3f')}",
            f"  loss a sentence       {shown(summary.loss_per_sentence, '.2f')}",
            f"  validation, a token   {shown(summary.validation_loss_per_token, '.3f')}",
            *filter(None, [words.left_out(summary), summary.busy]),
            *(
                [f"Translate with: python -m s2s translate --run {run.id}"]
                if has_checkpoint(run.id)
                else []
            ),
        ]
    )


def _translation_text(translation: Translation) -> str:
    unknown = ", ".join(translation.unknown_words)
    return translation.text + (f"   (unknown words: {unknown})" if unknown else "")


def _readable(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
