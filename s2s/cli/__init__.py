"""The command line: the dashboard's powers without a browser."""

import os
import shlex
import sys
from collections.abc import Sequence

from s2s.cli.arguments import parser
from s2s.cli.common import EXIT_ERROR, EXIT_STOPPED
from s2s.config import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code: 0, 1 with a sentence, 130 where it was stopped."""
    options = parser().parse_args(arguments)
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
