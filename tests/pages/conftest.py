"""Fixtures of the page tests: a fresh dashboard, a small corpus, a trained run."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from pages.shared.state import get_store
from s2s.config import CorpusChoices, TrainConfig
from s2s.data import catalog
from s2s.paths import corpora_folder, home
from s2s.records import Run
from s2s.runs.execute import execute
from s2s.store import Store


@pytest.fixture(autouse=True)
def _own_dashboard(own_dashboard: None) -> None:
    del own_dashboard


def pair_lines() -> list[str]:
    """Return 200 lines, each with words of its own on both sides, so that they can be split."""
    tails = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(200)]
    return [f"i see animal{tail} .\tje vois bête{tail} ." for tail in tails]


def _add_corpus(folder: Path, name: str = "small", **choices: object) -> str:
    file = folder / f"{name}.tsv"
    file.write_text("\n".join(pair_lines()), encoding="utf-8")
    catalog.add(corpora_folder(), file, name, CorpusChoices(**choices))  # type: ignore[arg-type]
    return name


def _train(store: Store, corpus: str, **choices: object) -> Run:
    few = {"iterations": 2, "hidden_size": 8, "threads": 1, "device": "cpu"} | choices
    run_id = store.create_run(TrainConfig(corpus=corpus, **few))  # type: ignore[arg-type]
    execute(store, run_id, Event())
    return store.run(run_id)


@pytest.fixture
def add_corpus(tmp_path: Path) -> Callable[..., str]:
    """Add a corpus of 200 pairs: `add_corpus("other", max_length=5)`; return its name."""
    return functools.partial(_add_corpus, tmp_path)


@pytest.fixture
def train() -> Callable[..., Run]:
    """Train for a few steps: `train("small", batch_size=4)`; return the finished run."""
    return lambda corpus, **choices: _train(get_store(), corpus, **choices)


@pytest.fixture(scope="session")
def _trained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the corpus `small` and a finished run 1 of batch size 4."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2S_HOME", str(folder / "home"))
        store = Store(home())
        _train(store, _add_corpus(folder, "small"), batch_size=4)
        store.close()
    return folder / "home"


@pytest.fixture
def trained_run(_trained_home: Path) -> Run:
    """A copy of the trained home; run 1 in it."""
    shutil.copytree(_trained_home, home())
    return get_store().run(1)


@pytest.fixture
def lines() -> list[str]:
    return pair_lines()
