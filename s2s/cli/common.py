"""What commands share: exit codes, lists between commas, printing, and stopping on a signal."""

import argparse
import json
import re
import signal
from threading import Event
from typing import Any, TextIO

from s2s.config import UserError
from s2s.validation import printable, quoted

EXIT_ERROR = 1
EXIT_STOPPED = 130


def listed(text: str) -> list[str]:
    """The parts between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def batch_sizes(text: str) -> list[int]:
    """Raises UserError for anything but whole numbers between commas."""
    parts = listed(text)
    if not parts or not all(re.fullmatch("[0-9]{1,9}", part) for part in parts):
        raise UserError(f"Batch sizes are whole numbers with commas between; got {quoted(text)}.")
    return [int(part) for part in parts]


def stop_on_signals(stop: Event) -> None:
    """The first Ctrl-C or SIGTERM ends the run after its step; the second Ctrl-C ends at once."""

    def ask_to_stop(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, ask_to_stop)
    signal.signal(signal.SIGTERM, ask_to_stop)


def print_as(options: argparse.Namespace, values: dict[str, Any], text: str) -> None:
    """As a line of JSON where that was asked for, else as text."""
    if options.json:
        print_json(values)
    else:
        say(text)


def say(text: str, file: TextIO | None = None) -> None:
    """On standard output, or `file`; names and texts that others wrote command no terminal."""
    print(printable(text, kept="\n\t"), file=file, flush=True)


def print_json(values: dict[str, Any]) -> None:
    line = json.dumps(values, ensure_ascii=False)
    # Beyond ASCII it leaves some as they are: C1 controls, marks that turn the direction.
    print(printable(line, escaped=lambda each: json.dumps(each)[1:-1]), flush=True)
