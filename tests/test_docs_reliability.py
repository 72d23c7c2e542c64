"""docs/reliability.md lists the promises, and each names its test."""

from pathlib import Path

import pytest

from tests.soak.promises import PROMISES, Promise

PROJECT = Path(__file__).parents[1]
DOC = PROJECT / "docs" / "reliability.md"


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.test)
def test_promise(promise: Promise) -> None:
    said = " ".join(DOC.read_text(encoding="utf-8").split())
    assert f"{promise.sentence} (`{promise.test}`)" in said
    file, _, name = promise.test.partition("::")
    assert f"def {name.partition('[')[0]}(" in (PROJECT / file).read_text(encoding="utf-8")
    # The edit still fits, for `python -m tests.soak.breaking`.
    assert (PROJECT / promise.file).read_text(encoding="utf-8").count(promise.old) == 1


def test_every_promise_of_the_docs_is_in_the_list() -> None:
    listed = {promise.sentence for promise in PROMISES}
    lines = _promises()
    assert lines
    assert set(lines) == listed


def _promises() -> list[str]:
    """The sentences of the list items that name a test."""
    items = DOC.read_text(encoding="utf-8").split("\n- ")[1:]
    texts = [" ".join(item.partition("\n\n")[0].split()) for item in items]
    return [text.partition(" (`tests/")[0] for text in texts if " (`tests/" in text]
