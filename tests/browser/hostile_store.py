"""A store in which every text of users and files attacks the browser that shows it."""

import dataclasses
import random
from contextlib import closing
from pathlib import Path
from threading import Event

from s2s.config import CorpusChoices, TrainConfig
from s2s.data import catalog
from s2s.paths import corpora_folder
from s2s.records import Evaluation, RunState, SampleTranslation
from s2s.runs.execute import execute
from s2s.store import Store
from s2s.store.sweeps import annotate_sweep, delete_sweep, queue_part, read_sweep
from s2s.sweeps.plan import create_sweep
from s2s.sweeps.replay import build_replay_config
from tests import studies
from tests.plausible import add_ended_run, add_started_run, some_steps, summary

HOST = "attack.example"
ATTACK = (
    f"<img src=http://{HOST}/i.png onerror=pwned=1> ![i](http://{HOST}/m.png) "
    f"[l](http://{HOST}/l) <a href='http://{HOST}/a'>a</a> <script>pwned=1</script> "
    f"<a href='javascript:pwned=1'>j</a> http://{HOST} www.{HOST} me@{HOST} $x^2$ :red[hot] "
    ":smile: :material/home: :streamlit: **b** `c` a -> b %{x} &lt; <b>d</b>"
)
TRANSLATION = SampleTranslation(f"# {ATTACK}", f"1. {ATTACK}", f"- {ATTACK}")
_PIECES = [
    *"\\`*_{}[]()<>#+-.!|$~:@^=&/'\"1ax é", "  ", "\n", "\t", "](", "![", "$$", "**", "->", "<-",
    "--", ">=", "<=", "...", "://", "http", "https://", "www.", "x.example", "me@x.example",
    "mailto:", "xmpp:a@x.example", ":red[", ":material/home:", ":streamlit:", ":smile:",
    ":blue-badge[", "</b>", "<b>", "<!--", "&lt;", "&#58;", "&amp", "1. ", "- ", "# ", "> ", "[ ]",
    "[^1]", "[x]: y", "|-|", ":::note", "\\(", "\\begin{x}", "javascript:", "(c)", "~~", "\0",
    "\u200b",
]  # fmt: skip
_rng = random.Random(0)
TEXTS = [f"{n} {''.join(_rng.choices(_PIECES, k=_rng.randint(1, 12)))}x" for n in range(150)]
"""Random markup; each text is different and ends visibly."""


def fill_store(folder: Path) -> None:
    """Write a corpus, runs of every kind, sweeps and a replay to the current S2S_HOME.

    Args:
        folder: The folder that holds the home.
    """
    words = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(200)]
    file = folder / "attacks.tsv"
    file.write_text("\n".join(f"{ATTACK} {each}\t{each} {ATTACK}" for each in words), "utf-8")
    catalog.add(corpora_folder(), file, "attacks", CorpusChoices(max_length=1000))
    with closing(Store(folder / "home")) as store:
        trained = store.create_run(
            TrainConfig(
                corpus="attacks", iterations=2, hidden_size=8, batch_size=2, threads=1,
                device="cpu", sentences=(ATTACK,),
            ),
            ATTACK,
        )  # fmt: skip
        assert execute(store, trained, Event()) is RunState.FINISHED, store.run(trained)
        store.annotate_run(trained, ATTACK, [ATTACK])
        failed = add_ended_run(
            store, TrainConfig(), RunState.FAILED, error=ATTACK, traceback=ATTACK
        )
        finished = add_ended_run(store, TrainConfig(corpus="attacks", batch_size=8))
        running = add_started_run(store, TrainConfig(corpus="attacks", sentences=(ATTACK,)))
        for run_id in (failed, finished, running):
            store.rename_run(run_id, ATTACK)
            store.annotate_run(run_id, ATTACK, [ATTACK])
            store.add_evaluation(run_id, Evaluation(20, 2.0, 7.0, (TRANSLATION,)))
            with store.transaction() as database:  # as in a store from another machine
                database.execute("UPDATE runs SET device = ? WHERE id = ?", (ATTACK, run_id))
        store.rename_run(deleted := add_ended_run(store, TrainConfig()), ATTACK)
        store.delete_run(deleted)
        annotate_sweep(store, gone := studies.save(store), ATTACK, ATTACK)
        delete_sweep(store, gone)
        _add_sweep(store)
        _add_replay(store)


def _add_sweep(store: Store) -> None:
    sweep_id = studies.save(store)
    annotate_sweep(store, sweep_id, ATTACK, ATTACK)
    for part in read_sweep(store, sweep_id).parts:
        assert part.run
        last = store.evaluations(part.run.id)[-1]
        store.add_evaluation(part.run.id, dataclasses.replace(last, translations=(TRANSLATION,)))
        store.rename_run(part.run.id, ATTACK)


def _add_replay(store: Store) -> None:
    """Add a replay with a failed run and a running one, which the Train page shows."""
    sweep_id = create_sweep(store, build_replay_config("attacks", repeats=2))
    sweep = read_sweep(store, sweep_id)
    for number, part in enumerate(sweep.parts):
        run_id = queue_part(store, sweep, part)
        store.rename_run(run_id, ATTACK)
        store.start_run(run_id, "cpu", {})
        store.write_steps(run_id, some_steps(1000, part.batch_size))
        store.add_evaluation(run_id, Evaluation(0, 0.0, 8.0, (TRANSLATION,)))
        if number == 1:
            marked = tuple(SampleTranslation(each, "", each) for each in TEXTS)
            store.add_evaluation(run_id, Evaluation(500, 50.0, 7.5, marked))
        store.add_evaluation(run_id, Evaluation(1000, 100.0, 7.0, (TRANSLATION,)))
        if number != 1:
            state = RunState.FAILED if number == 0 else RunState.FINISHED
            result = summary(run_id, state, sweep.build_run_config(part), 1000)
            store.finish_run(run_id, result, error=ATTACK, traceback=ATTACK)
    annotate_sweep(store, sweep_id, ATTACK, ATTACK)
