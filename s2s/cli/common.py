"""Functions that commands share: options, exit codes, printing, progress, signals."""

import argparse
import functools
import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from threading import Event
from typing import Any, TextIO, TypeAlias

from tqdm import tqdm

from s2s.config import TrainConfig
from s2s.errors import UserError, escape_unprintable, quote
from s2s.runs.files import has_checkpoint
from s2s.store import Store

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

EXIT_ERROR = 1
EXIT_STOPPED = 130


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int | None], help_: str
) -> argparse.ArgumentParser:
    """Add a command with the option `--json`, and return its parser.

    Args:
        run: Runs the command and returns its exit code, or None for 0.
    """
    parser = commands.add_parser(name, help=help_, description=help_)
    parser.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,  # a default would undo a --json before a subcommand
        help="print one JSON object per line",
    )
    parser.set_defaults(command=run)
    return parser


def add_run_option(parser: argparse.ArgumentParser) -> None:
    """Add the option `--run`. `find_trained_run` reads its value."""
    parser.add_argument("--run", default="last", help="run id, or last (default: %(default)s)")


def add_option(
    parser: argparse.ArgumentParser, name: str, default: float | str, help_: str
) -> None:
    """Add an option with the type of its default. The members of a StrEnum are its choices."""
    help_, kind = f"{help_} (default: %(default)s)", type(default)
    if issubclass(kind, StrEnum):
        # List the values as a user types them. argparse would show the members as Python code.
        choices = [member.value for member in kind]
        parser.add_argument(name, default=str(default), choices=choices, help=help_)
    else:
        parser.add_argument(name, type=kind, default=default, help=help_)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that training and the bench share."""
    default, add = TrainConfig(), functools.partial(add_option, parser)
    add("--corpus", default.corpus, "prepared corpus")
    add("--hidden-size", default.hidden_size, "width of embeddings and GRU states")
    add("--layers", default.layers, "GRU layers per side")
    add("--optimizer", default.optimizer, "update rule")
    add("--learning-rate", default.learning_rate, "step size of the optimizer")
    add("--device", default.device, "auto, cpu or cuda:N")
    add("--threads", default.threads, "CPU threads; 0: torch's choice")


def split_list(text: str) -> list[str]:
    """Return the items between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def find_trained_run(store: Store, text: str) -> int:
    """Return the run id in `text`, or for `last` the id of the newest run with a checkpoint."""
    if text == "last":
        for run in store.runs():
            if has_checkpoint(run.id):
                return run.id
        raise UserError("No run has a checkpoint yet. Start one with `python -m s2s train`.")
    if not re.fullmatch("[0-9]{1,18}", text):
        raise UserError(f"Run must be an id or last; got {quote(text)}.")
    run = store.run(int(text))
    if run.deleted_at is not None:
        raise UserError(f"Run {run.id} is deleted. Restore it on the dashboard's Compare page.")
    return run.id


def stop_on_signals() -> Event:
    """Return an event that the first Ctrl-C or SIGTERM sets. A second one ends the program."""
    stop = Event()

    def set_stop(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, set_stop)
    signal.signal(signal.SIGTERM, set_stop)
    return stop


@contextmanager
def show_progress() -> Iterator[Callable[[str, float | None], None]]:
    """Yield a function that shows an activity and the fraction done on standard error.

    None as the fraction leaves the bar as it is. Nothing is shown if this is not a terminal.
    """
    bar_format = "{desc} {percentage:3.0f}%|{bar}|"
    with tqdm(total=1.0, bar_format=bar_format, disable=None, leave=False) as bar:

        def show(activity: str, fraction: float | None) -> None:
            bar.set_description_str(activity)
            if fraction is not None:
                bar.n = fraction
                bar.refresh()

        yield show


def print_result(options: argparse.Namespace, values: dict[str, Any], text: str) -> None:
    """Print `values` as a line of JSON if --json was given, `text` otherwise."""
    if options.json:
        print_json(values)
    else:
        print_text(text)


def print_text(text: str, file: TextIO | None = None) -> None:
    """Print to `file` or standard output. Escape characters that could control a terminal."""
    print(escape_unprintable(text, allowed="\n\t"), file=file, flush=True)


def print_json(values: dict[str, Any]) -> None:
    """Print one line of JSON. Escape characters that could control a terminal."""
    line = json.dumps(values, ensure_ascii=False)  # escapes only some of these characters
    print(escape_unprintable(line, escape=lambda each: json.dumps(each)[1:-1]), flush=True)
