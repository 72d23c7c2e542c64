"""The command that repeats the article's comparison on this machine and gives the verdict."""

import argparse
import dataclasses
from collections.abc import Sequence

from s2s.cli.common import print_as, print_json, say
from s2s.cli.sweep import carry_out, exit_code
from s2s.config import Engine
from s2s.formatting import run_label
from s2s.paths import home
from s2s.records import Evaluation, Run, Sweep
from s2s.store.runs import Store
from s2s.store.sweeps import read_sweep
from s2s.sweeps.plan import plan


def replay(options: argparse.Namespace) -> int:
    """Does the sweep, or takes one that was begun; ends with its verdict."""
    from s2s.sweeps.replay import ITERATIONS, LONG_ITERATIONS, replay_config  # scipy: slow to load

    if options.sweep is None:
        usual = LONG_ITERATIONS if options.long else ITERATIONS
        config = replay_config(
            options.corpus,
            usual if options.iterations is None else options.iterations,
            options.repeats,
            options.threads,
        )
        store = Store(home())
        found = carry_out(options, store, config, plan(config, []))
        _show(options, store, found)
        return exit_code(found)
    store = Store(home())
    _show(options, store, read_sweep(store, options.sweep))
    return 0


def _show(options: argparse.Namespace, store: Store, sweep: Sweep) -> None:
    """The verdict, then the translations of each combination's first repeat."""
    from s2s.analysis.sweep.replay import printed
    from s2s.sweeps.replay import answer_elsewhere, first_repeat, guess_loss, read_replay
    from s2s.text.replay import replay_text, verdict

    found = read_replay(store, sweep, guess_loss(sweep), answer_elsewhere(store, sweep))
    values = {"event": "replay", **dataclasses.asdict(found), "paragraph": verdict(found)}
    print_as(options, values, replay_text(found))
    for run in first_repeat(sweep):
        _show_translations(options, run, printed(store.evaluations(run.id)))


def _show_translations(
    options: argparse.Namespace, run: Run, evaluations: Sequence[Evaluation]
) -> None:
    """As text of the article's own combination only, the one that it prints them of."""
    from s2s.analysis.sweep.replay import LARGE
    from s2s.text.replay import translations_text

    engine, size = run.config.engine, run.config.batch_size
    if options.json:
        print_json(
            {
                "event": "translations",
                "run_id": run.id,
                "engine": engine.value,
                "batch_size": size,
                "evaluations": [dataclasses.asdict(each) for each in evaluations],
            }
        )
    elif (engine, size) == (Engine.ARTICLE, LARGE):
        say(f"\n{translations_text(f'{run_label(run)}, {engine.value}', evaluations)}")
