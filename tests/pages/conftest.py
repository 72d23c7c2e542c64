"""What the tests of the pages share: a fresh dashboard, a small corpus, trained runs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state as shared
from s2s.config import CorpusChoices, TrainConfig
from s2s.data import catalog
from s2s.paths import corpora_folder
from s2s.records import Run
from s2s.runs.execute import execute

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"


@pytest.fixture(autouse=True)
def _own_manager() -> Iterator[None]:
    """Each test has a store of its own, as it has a home of its own."""
    shared._manager = None
    yield
    if shared._manager is not None:
        shared._manager.close()
        shared._manager.store.close()
    shared._manager = None


@pytest.fixture
def open_page() -> Callable[[str], AppTest]:
    """`open_page("translate")`: the page as a first visitor of the dashboard sees it."""

    def open_(name: str) -> AppTest:
        return (
            AppTest.from_file(DASHBOARD, default_timeout=60)
            .switch_page(f"pages/{name}/{name}.py")
            .run()
        )

    return open_


@pytest.fixture
def add_corpus(tmp_path: Path) -> Callable[..., str]:
    """Adds a corpus of 200 pairs under a name, with the given choices; returns the name."""

    def add(name: str = "small", **choices: object) -> str:
        file = tmp_path / f"{name}.tsv"
        file.write_text("\n".join(pair_lines()), encoding="utf-8")
        catalog.add(corpora_folder(), file, name, CorpusChoices(**choices))  # type: ignore[arg-type]
        return name

    return add


def pair_lines() -> list[str]:
    """200 lines, each with words of its own on both sides, so that the corpus can be split."""
    tails = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(200)]
    return [f"i see animal{tail} .\tje vois bête{tail} ." for tail in tails]


@pytest.fixture
def train() -> Callable[..., Run]:
    """`train("small", batch_size=4)`: a finished run of a few steps, with its checkpoint."""

    def train_(corpus: str, **choices: object) -> Run:
        few = {"iterations": 2, "hidden_size": 8, "threads": 1, "device": "cpu"} | choices
        config = TrainConfig(corpus=corpus, **few)  # type: ignore[arg-type]
        run_id = shared.store().create_run(config)
        execute(shared.store(), run_id, Event())
        return shared.store().run(run_id)

    return train_


@pytest.fixture
def lines() -> list[str]:
    return pair_lines()
