"""Damaged corpora are found when they are opened, and replaced when they are added again."""

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from s2s.data import catalog
from s2s.errors import UserError
from s2s.records import EOS
from tests.tiny import write_tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two corpora, `good` and `bad`."""
    for name in ("good", "bad"):
        catalog.add(tmp_path / "corpora", write_tiny(tmp_path / "tiny.txt"), name)
    return tmp_path / "corpora"


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 3)


def open_bad(folder: Path) -> str:
    with pytest.raises(UserError, match="Corpus 'bad' ") as caught:
        catalog.open_corpus(folder, "bad")
    return str(caught.value)


@pytest.mark.parametrize("damage", [truncate, Path.unlink])
@pytest.mark.parametrize("file", ["corpus.json", "source_tokens.npy", "target_words.json"])
def test_damage_is_found_and_repaired_by_adding_again(
    folder: Path, tmp_path: Path, file: str, damage: Callable[[Path], None]
) -> None:
    damage(folder / "bad" / file)
    is_missing = (file, damage) == ("corpus.json", Path.unlink)
    assert ("not found" if is_missing else "is damaged") in open_bad(folder)
    assert "good" in [info.name for info in catalog.list_corpora(folder)]
    damaged = catalog.list_damaged_corpora(folder)
    assert len(damaged) == (file == "corpus.json" and not is_missing)
    catalog.add(folder, tmp_path / "tiny.txt", "bad")
    assert catalog.open_corpus(folder, "bad").get_pair(0)
    (folder / "bad" / "corpus.json").unlink()
    catalog.remove(folder, "bad")
    assert [path.name for path in folder.iterdir()] == ["good"]


@pytest.mark.parametrize(
    ("array", "change"),
    [
        ("source_tokens", lambda ids: ids + 10_000),
        ("source_tokens", lambda ids: ids - 5),
        ("source_tokens", lambda ids: ids.reshape(1, -1)),
        ("source_tokens", lambda ids: ids.astype(float)),
        ("target_tokens", lambda ids: ids[:-4]),
        ("target_tokens", lambda ids: np.where(ids == EOS, EOS + 2, ids)),
        ("source_offsets", lambda offsets: offsets[::-1].copy()),
        ("source_offsets", lambda offsets: np.where(np.arange(61) == 5, offsets[-1], offsets)),
    ],
)
def test_inconsistent_arrays(
    folder: Path, array: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    path = folder / "bad" / f"{array}.npy"
    np.save(path, change(np.load(path)))
    open_bad(folder)


def test_a_huge_array_is_not_read(folder: Path) -> None:
    """The last sentence has 900 MB of zeros."""
    offsets = np.load(folder / "bad" / "source_offsets.npy")
    offsets[-1] = 9 * 10**8
    np.save(folder / "bad" / "source_offsets.npy", offsets)
    path = folder / "bad" / "source_tokens.npy"
    np.lib.format.open_memmap(path, "w+", np.int8, (9 * 10**8,))
    tracemalloc.start()
    open_bad(folder)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 10**6


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pairs_read", "many"),
        ("seconds", float("nan")),
        ("training_pairs", 7),
        ("test_pairs", 10**100),
        ("source_language", ["x"]),
        ("attribution", "\ud800"),
    ],
)
def test_invalid_values_in_a_description(folder: Path, field: str, value: object) -> None:
    path = folder / "bad" / "corpus.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    assert [info.name for info in catalog.list_corpora(folder)] == ["good"]
    assert len(catalog.list_damaged_corpora(folder)) == 1
