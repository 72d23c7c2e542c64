"""The entry point of the command line: parse, run one command, return its exit code."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence

from s2s.cli import advise, bench, common, corpora, replay, runs, sweep, train
from s2s.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Arguments after the program's name; by default those of this process.

    Returns:
        The exit code: 1 after an error, 130 if the command was stopped, 0 otherwise.
    """
    parser = build_parser()
    options = parser.parse_args(arguments)
    # If only `--` follows an option, some versions of Python set the option to an empty list.
    for name, value in vars(options).items():
        if value == [] and name != "sentences":
            parser.error(f"argument --{name.replace('_', '-')}: expected one argument")
    options.command_line = (
        f"python -m s2s {shlex.join(sys.argv[1:] if arguments is None else arguments)}"
    )
    try:
        code = options.command(options)
        sys.stdout.flush()  # raises BrokenPipeError here, where it is caught
        return code or 0
    except UserError as error:
        print(f"s2s: {error}", file=sys.stderr)
        return common.EXIT_ERROR
    except BrokenPipeError:  # the program that reads the output has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return common.EXIT_STOPPED


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="python -m s2s",
        description="Find the best batch size: train a translator at several sizes and measure.",
    )
    parser.set_defaults(json=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (corpora, train, sweep, advise, replay, bench, runs):
        group.add_commands(commands)
    return parser
