"""The command `replay`: repeat the article's comparison on this machine."""

import argparse
import dataclasses

from s2s.cli import common
from s2s.cli.sweep import get_exit_code, run_parts
from s2s.config import Engine, TrainConfig
from s2s.formatting import format_run_label
from s2s.paths import home
from s2s.records import Run, Sweep
from s2s.store import Store
from s2s.store.sweeps import read_sweep
from s2s.text.sweep import list_run_messages


def add_commands(commands: common.Commands) -> None:
    """Add `replay`."""
    parser = common.add_command(commands, "replay", replay, "Repeat the article's comparison.")
    default, add = TrainConfig(), parser.add_argument
    add("--sweep", type=int, metavar="ID", help="show the result of this sweep, train nothing")
    common.add_option(parser, "--corpus", default.corpus, "prepared corpus")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--iterations", type=int, help="iterations per run (default: 1,000)")
    long_help = "10,000 iterations per run, with sample translations every 1,000"
    length.add_argument("--long", action="store_true", help=long_help)
    add("--repeats", type=int, help="runs per configuration (default: 3, or 1 for longer runs)")
    common.add_option(parser, "--threads", default.threads, "CPU threads; 0: torch's choice")


def replay(options: argparse.Namespace) -> int | None:
    from s2s.sweeps.replay import ITERATIONS, LONG_ITERATIONS, build_replay_config

    store = Store(home())
    if options.sweep is not None:
        _print_result(options, store, read_sweep(store, options.sweep))
        return None
    iterations = options.iterations
    if iterations is None:
        iterations = LONG_ITERATIONS if options.long else ITERATIONS
    config = build_replay_config(options.corpus, iterations, options.repeats, options.threads)
    sweep = run_parts(options, store, config)
    _print_result(options, store, sweep)
    return get_exit_code(sweep)


def _print_result(options: argparse.Namespace, store: Store, sweep: Sweep) -> None:
    """Print the result, then sample translations of the first repeat's runs."""
    from s2s.sweeps import replay as stored
    from s2s.text.replay import describe_replay, format_replay

    unigram_loss = stored.measure_unigram_loss(sweep)
    related = stored.find_related_advice(store, sweep)
    result = stored.read_replay(store, sweep, unigram_loss, related)
    messages = list_run_messages(sweep)
    values = {
        "event": "replay",
        **dataclasses.asdict(result),
        "paragraph": describe_replay(result),
        "messages": messages,
    }
    common.print_result(options, values, "\n".join([format_replay(result), *messages]))
    for run in stored.list_first_repeat_runs(sweep):
        _print_translations(options, store, run)


def _print_translations(options: argparse.Namespace, store: Store, run: Run) -> None:
    """Print a run's sample translations. As text, print only those that the article prints."""
    from s2s.analysis.sweep.replay import LARGE, select_article_evaluations
    from s2s.text.replay import format_translations

    engine, batch_size = run.config.engine, run.config.batch_size
    evaluations = select_article_evaluations(store.evaluations(run.id))
    if options.json:
        values = {"run_id": run.id, "engine": engine.value, "batch_size": batch_size}
        translations = [dataclasses.asdict(each) for each in evaluations]
        common.print_json({"event": "translations", **values, "evaluations": translations})
    elif (engine, batch_size) == (Engine.ARTICLE, LARGE):
        label = f"{format_run_label(run)}, {engine.value}"
        common.print_text(f"\n{format_translations(label, evaluations)}")
