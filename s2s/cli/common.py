"""What commands share: arguments, exit codes, printing, and stopping on a signal."""

import argparse
import json
import re
import signal
from collections.abc import Callable
from enum import StrEnum
from threading import Event
from typing import TYPE_CHECKING, Any, TextIO

from s2s.config import OptimizerName, TrainConfig
from s2s.errors import UserError, escape_unprintable, quote

if TYPE_CHECKING:
    from s2s.store import Store

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

EXIT_ERROR = 1
EXIT_STOPPED = 130


def add_command(
    commands: "Commands",
    name: str,
    run: Callable[[argparse.Namespace], int],
    help_: str,
) -> argparse.ArgumentParser:
    """Add a command with the option that all have; return its parser."""
    parser = commands.add_parser(name, help=help_, description=help_)
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    parser.set_defaults(command=run)
    return parser


def add_run_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that `find_trained_run` reads."""
    parser.add_argument("--run", default="last", help="run id, or last (default: %(default)s)")


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the model and the machine that training and the bench share."""
    default, add = TrainConfig(), parser.add_argument
    add("--corpus", default=default.corpus, help="prepared corpus (default: %(default)s)")
    add(
        "--hidden-size",
        type=int,
        default=default.hidden_size,
        help="width of embeddings and GRU states (default: %(default)s)",
    )
    add(
        "--layers",
        type=int,
        default=default.layers,
        help="GRU layers per side (default: %(default)s)",
    )
    add(
        "--optimizer",
        default=default.optimizer.value,
        choices=values(OptimizerName),
        help="default: %(default)s",
    )
    add(
        "--learning-rate",
        type=float,
        default=default.learning_rate,
        help="default: %(default)s",
    )
    add("--device", default=default.device, help="auto, cpu or cuda:N (default: %(default)s)")
    add("--threads", type=int, default=default.threads, help="CPU threads; 0: torch's default")


def values(kind: type[StrEnum]) -> list[str]:
    """Return the members as a user types them; argparse would show their Python form."""
    return [member.value for member in kind]


def split_list(text: str) -> list[str]:
    """Return the items between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def find_trained_run(store: "Store", text: str) -> int:
    """Return the id of the run that the user names.

    Args:
        text: An id, or `last` for the newest run with a checkpoint.

    Raises:
        UserError: There is no such run.
    """
    from s2s.runs.files import has_checkpoint

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


def stop_on_signals(stop: Event) -> None:
    """Set `stop` on the first Ctrl-C or SIGTERM; the second one ends the program at once."""

    def set_stop(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, set_stop)
    signal.signal(signal.SIGTERM, set_stop)


def print_as(options: argparse.Namespace, values: dict[str, Any], text: str) -> None:
    """Print a line of JSON if --json was given, else the text."""
    if options.json:
        print_json(values)
    else:
        print_text(text)


def print_text(text: str, file: TextIO | None = None) -> None:
    """Print to standard output or `file`; characters that control a terminal are escaped."""
    print(escape_unprintable(text, allowed="\n\t"), file=file, flush=True)


def print_json(values: dict[str, Any]) -> None:
    """Print one line of JSON; characters that control a terminal are escaped."""
    line = json.dumps(values, ensure_ascii=False)  # leaves some: C1 controls, text directions
    print(escape_unprintable(line, escape=lambda each: json.dumps(each)[1:-1]), flush=True)
