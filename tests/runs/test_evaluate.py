"""Quality on the test part, and the refusal to call sentences unseen that were not."""

from pathlib import Path
from threading import Event

import pytest
from tiny import tiny_config

from s2s.config import UserError
from s2s.data import catalog
from s2s.home import corpora_folder
from s2s.runs.evaluate import quality_on_test_part
from s2s.runs.execute import execute
from s2s.runs.store import Store


def add(path: Path, first: int) -> None:
    """200 pairs whose words are all their own."""
    tails = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(first, first + 200)]
    path.write_text("".join(f"word{tail} end\tmot{tail} fin\n" for tail in tails))
    catalog.add(corpora_folder(), path, "tiny")


def test_quality_of_the_test_part_and_of_that_alone(store: Store, tmp_path: Path) -> None:
    add(tmp_path / "one.txt", 0)
    run_id = store.create_run(tiny_config(iterations=2))
    execute(store, run_id, Event())
    found = quality_on_test_part(run_id)
    corpus = catalog.open_corpus(corpora_folder(), "tiny")
    assert found.sentences == len(corpus.test) == 20
    assert 0 <= found.bleu <= 100
    assert 0 <= found.chrf <= 100

    catalog.remove(corpora_folder(), "tiny")
    add(tmp_path / "other.txt", 100)
    with pytest.raises(UserError, match="has changed since run 1 was trained"):
        quality_on_test_part(run_id)
