"""The command `corpora`: list prepared corpora, add one, remove one."""

import argparse
import dataclasses
import functools
import sys

from s2s.cli import common
from s2s.config import CorpusChoices
from s2s.paths import corpora_folder
from s2s.text.listing import format_corpus

_MAX_LISTED_LINES = 10


def add_commands(commands: common.Commands) -> None:
    """Add `corpora` with its subcommands."""
    parser = common.add_command(commands, "corpora", list_corpora, "List, add or remove corpora.")
    subcommands = parser.add_subparsers(metavar="add|remove")
    adding = common.add_command(subcommands, "add", add_corpus, "Prepare a corpus.")
    adding.description = (
        "Prepare a corpus: a .txt, .tsv or .zip file of tab-separated sentence pairs, "
        "a language pair such as fra-eng (downloaded), or starter (built in)."
    )
    adding.add_argument("source", metavar="NAME_OR_PATH", help="file, language pair, or starter")
    name_help = "name of the corpus (default: the file's, without suffix)"
    adding.add_argument("--name", default="", help=name_help)
    choices, add = CorpusChoices(), functools.partial(common.add_option, adding)
    add("--normalizer", choices.normalizer, "characters to keep: of all scripts, or the article's")
    add("--direction", choices.direction, "columns of source and target")
    add("--max-length", choices.max_length, "drop pairs with more words on a side")
    add("--min-count", choices.min_count, "words that occur less often become UNK")
    vocabulary_help = "words per side, most frequent first; 0: unlimited"
    add("--max-vocabulary", choices.max_vocabulary, vocabulary_help)
    removing = common.add_command(subcommands, "remove", remove_corpus, "Delete a prepared corpus.")
    removing.add_argument("name", metavar="NAME", help="name of the corpus")


def list_corpora(options: argparse.Namespace) -> None:
    from s2s.data import catalog

    infos = catalog.list_corpora(corpora_folder())
    damaged = catalog.list_damaged_corpora(corpora_folder())
    for error in damaged:
        print(f"s2s: {error}", file=sys.stderr)
    for info in infos:
        common.print_result(options, dataclasses.asdict(info), format_corpus(info))
    if not infos and not damaged and not options.json:
        print("No corpora yet. Prepare one with `python -m s2s corpora add starter`.")


def add_corpus(options: argparse.Namespace) -> None:
    from s2s.data import catalog

    choices = CorpusChoices.from_json(vars(options))
    with common.show_progress() as show:
        info = catalog.add(corpora_folder(), options.source, options.name, choices, show)
    if info.bad_lines:
        numbers = ", ".join(map(str, info.bad_line_numbers[:_MAX_LISTED_LINES]))
        more = ", …" if info.bad_lines > _MAX_LISTED_LINES else ""
        print(f"Skipped {info.bad_lines:,} invalid lines: {numbers}{more}", file=sys.stderr)
    if info.attribution:
        common.print_text(info.attribution, sys.stderr)
    common.print_result(options, dataclasses.asdict(info), format_corpus(info))


def remove_corpus(options: argparse.Namespace) -> None:
    from s2s.data import catalog

    catalog.remove(corpora_folder(), options.name)
