"""What the tests of several processes share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import tiny_corpus

from s2s.data.corpus import Corpus
from s2s.home import home
from s2s.runs.store import Store


@pytest.fixture
def tiny(tmp_path: Path) -> Corpus:
    """Prepared under the name `tiny`."""
    return tiny_corpus(tmp_path)


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store(home())
    yield opened
    opened.close()
