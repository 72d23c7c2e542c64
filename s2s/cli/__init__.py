"""The command line: the dashboard's powers without a browser."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence

from s2s.cli.arguments import parser
from s2s.cli.common import EXIT_ERROR, EXIT_STOPPED
from s2s.config import UserError

_LISTS = {"sentence", "sentences"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code: 0, 1 with a sentence, 130 where it was stopped."""
    options = _parsed(arguments)
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


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = parser()
    options = made.parse_args(arguments)
    # In some versions of Python an option with nothing but `--` behind it gets an empty list.
    for name, value in vars(options).items():
        if value == [] and name not in _LISTS:
            made.error(f"argument --{name.replace('_', '-')}: expected one argument")
    return options
