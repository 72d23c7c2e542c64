"""A store in which all that people or files can name is an attack on the browser that shows it."""

import dataclasses
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request

from s2s.config import CorpusChoices, TrainConfig
from s2s.data import catalog
from s2s.paths import corpora_folder
from s2s.records import Evaluation, RunState, SampleTranslation
from s2s.runs.execute import execute
from s2s.store import Store
from s2s.store.sweeps import delete_sweep, describe_sweep, read_sweep
from s2s.sweeps.plan import create_sweep
from s2s.sweeps.replay import replay_config
from tests import studies
from tests.browser.serving import WAIT_MS
from tests.plausible import ended, some_steps, started, summary

HOST = "attack.example"
ATTACK = (
    f"<img src=http://{HOST}/i.png onerror=pwned=1> ![i](http://{HOST}/m.png) "
    f"[l](http://{HOST}/l) <a href='http://{HOST}/a'>a</a> <script>pwned=1</script> "
    f"<a href='javascript:pwned=1'>j</a> http://{HOST} www.{HOST} me@{HOST} $x^2$ :red[hot] "
    ":smile: :material/home: :streamlit: **b** `c` a -> b %{x} &lt; <b>d</b>"
)
TRANSLATION = SampleTranslation(f"# {ATTACK}", f"1. {ATTACK}", f"- {ATTACK}")


def fill(folder: Path) -> None:
    """Into the home that S2S_HOME names now: a corpus, runs of every kind, sweeps, a replay."""
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
        store.describe_run(trained, ATTACK, [ATTACK])
        for run_id in (
            ended(store, TrainConfig(), RunState.FAILED, error=ATTACK, traceback=ATTACK),
            ended(store, TrainConfig(corpus="attacks", batch_size=8)),
            started(store, TrainConfig(corpus="attacks", sentences=(ATTACK,))),  # goes on and on
        ):
            store.rename_run(run_id, ATTACK)
            store.describe_run(run_id, ATTACK, [ATTACK])
            store.add_evaluation(run_id, Evaluation(20, 2.0, 7.0, (TRANSLATION,)))
            with store.transaction() as database:  # a store that somebody else made
                database.execute("UPDATE runs SET device = ? WHERE id = ?", (ATTACK, run_id))
        store.rename_run(deleted := ended(store, TrainConfig()), ATTACK)
        store.delete_run(deleted)
        describe_sweep(store, gone := studies.save(store), ATTACK, ATTACK)
        delete_sweep(store, gone)
        _sweep(store)
        _replay(store)


def _sweep(store: Store) -> None:
    sweep_id = studies.save(store)
    describe_sweep(store, sweep_id, ATTACK, ATTACK)
    for part in read_sweep(store, sweep_id).parts:
        assert part.run
        last = store.evaluations(part.run.id)[-1]
        store.add_evaluation(part.run.id, dataclasses.replace(last, translations=(TRANSLATION,)))
        store.rename_run(part.run.id, ATTACK)


def _replay(store: Store) -> None:
    """One run of it failed, and one is being trained."""
    config = replay_config("attacks", repeats=2)
    sweep_id = create_sweep(store, config)
    for number, part in enumerate(read_sweep(store, sweep_id).parts):
        run_config = config.run_config(part.engine, part.batch_size, part.repeat)
        run_id = store.create_run(run_config, ATTACK, sweep_id)
        store.start_run(run_id, "cpu", {})
        store.write_steps(run_id, some_steps(1000, part.batch_size))
        for iteration, loss in ((0, 8.0), (1000, 7.0)):
            evaluation = Evaluation(iteration, iteration * 0.1, loss, (TRANSLATION,))
            store.add_evaluation(run_id, evaluation)
        state = RunState.FAILED if number == 0 else RunState.FINISHED
        if number != 1:
            found = summary(run_id, state, run_config, 1000)
            store.finish_run(run_id, found, error=ATTACK, traceback=ATTACK)
    describe_sweep(store, sweep_id, ATTACK, ATTACK)


class Watched:
    """A tab, and what happened in it that no text may make happen."""

    def __init__(self, page: Page, server: str) -> None:
        self.page, self._server = page, server
        self.foreign: list[str] = []
        self.dialogs: list[str] = []
        page.on("request", self._requested)
        page.on("dialog", self._asked)

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self._server, "data:", "blob:")):
            self.foreign.append(request.url)

    def _asked(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def harm(self) -> list[str]:
        """What of it happened, and what stands in the page that no text may put there."""
        found: list[str] = self.page.evaluate(
            """host => {
                const told = window.pwned === undefined ? [] : ["a script of a text ran"];
                const wrong = "img:not([data-testid]), iframe, object, embed, svg a, .katex, "
                    + "a[href^='mailto:'], a[href^='javascript:'], [onerror]";
                const named = [...document.querySelectorAll("[src], [href]")].filter(node =>
                    `${node.getAttribute("src")}${node.getAttribute("href")}`.includes(host));
                return [...told, ...[...document.querySelectorAll(wrong), ...named]
                    .map(node => node.outerHTML.slice(0, 300))];
            }""",
            HOST,
        )
        return [*found, *self.dialogs, *self.foreign]


@contextmanager
def watched(browser: Browser, server: str) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(WAIT_MS)
    yield Watched(context.new_page(), server)
    context.close()


@contextmanager
def home_in(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2S_HOME", str(folder / "home"))
        yield
