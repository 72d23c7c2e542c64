"""The command `translate`."""

import argparse
import dataclasses
import sys
from typing import TYPE_CHECKING

from s2s.cli.common import add_command, add_run_option, find_trained_run, print_as
from s2s.errors import UserError

if TYPE_CHECKING:
    from s2s.cli.common import Commands


def add_commands(commands: "Commands") -> None:
    """Add `translate`."""
    parser = add_command(commands, "translate", translate, "Translate with the model of a run.")
    add_run_option(parser)
    parser.add_argument(
        "sentences",
        nargs="*",
        metavar="SENTENCE",
        help="default: standard input, one sentence per line",
    )


def translate(options: argparse.Namespace) -> int:
    from s2s.paths import home, run_folder
    from s2s.store import Store
    from s2s.text.listing import translation_line
    from s2s.translation.translator import Translator

    run_id = find_trained_run(Store(home()), options.run)
    lines = options.sentences or [line.rstrip("\n") for line in sys.stdin]
    sentences = [line for line in lines if line.strip()]
    if not sentences:
        raise UserError("Give sentences as arguments, or one per line on standard input.")
    for translation in Translator.load(run_folder(run_id)).translate(sentences):
        values = {"run_id": run_id, **dataclasses.asdict(translation)}
        print_as(options, values, translation_line(translation))
    return 0
