import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.data import catalog
from s2s.data.download import _known, _Transfer
from s2s.errors import UserError
from s2s.records import EOS
from tests.tiny import write_tiny

PARTS = [
    "corpus.json",
    *(f"{side}_{what}" for side in ("source", "target") for what in ("tokens.npy", "words.json")),
    "source_offsets.npy",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With two corpora, `good` and `bad`."""
    for name in ("good", "bad"):
        catalog.add(tmp_path / "corpora", write_tiny(tmp_path / "tiny.txt"), name)
    return tmp_path / "corpora"


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 3)


def cut_to_nothing(path: Path) -> None:
    os.truncate(path, 0)


def fill_with_garbage(path: Path) -> None:
    path.write_bytes(b"\xa5" * path.stat().st_size)


def remove(path: Path) -> None:
    path.unlink()


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as refused:
        catalog.open_corpus(folder, "bad")
    return str(refused.value)


@pytest.mark.parametrize("harm", [cut_short, cut_to_nothing, fill_with_garbage, remove])
@pytest.mark.parametrize("part", PARTS)
def test_a_damaged_corpus_is_found_at_opening_and_can_be_added_again(
    folder: Path, tmp_path: Path, part: str, harm: Callable[[Path], None]
) -> None:
    harm(folder / "bad" / part)
    if (part, harm) == ("corpus.json", remove):
        assert refusal(folder).startswith("There is no corpus 'bad' (there are: starter, good)")
    else:
        assert refusal(folder).startswith("The prepared corpus 'bad' is damaged (")
        assert refusal(folder).endswith("); add it again under this name, which replaces it.")
    assert "good" in [info.name for info in catalog.list_corpora(folder)]
    assert catalog.open_corpus(folder, "good").pair(0)
    catalog.add(folder, tmp_path / "tiny.txt", "bad")
    assert catalog.open_corpus(folder, "bad").pair(0)
    assert sorted(each.name for each in folder.iterdir()) == ["bad", "good"]


def test_a_listing_names_the_damaged_and_shows_the_others(folder: Path) -> None:
    assert catalog.damaged_corpora(folder) == []
    cut_short(folder / "bad" / "corpus.json")
    assert [info.name for info in catalog.list_corpora(folder)] == ["good"]
    [error] = catalog.damaged_corpora(folder)
    assert str(error).startswith("The prepared corpus 'bad' is damaged (corpus.json: ")


@pytest.mark.parametrize(
    ("part", "change", "why"),
    [
        ("source_tokens", lambda ids: ids + 10_000, "a word's number is out of range"),
        ("source_tokens", lambda ids: ids - 5, "a word's number is out of range"),
        ("source_tokens", lambda ids: ids.reshape(1, -1), "not lists of whole numbers"),
        ("source_tokens", lambda ids: ids.astype(float), "not lists of whole numbers"),
        ("target_tokens", lambda ids: ids[:-4], "do not hold 60 sentences"),
        ("target_tokens", lambda ids: np.where(ids == EOS, EOS + 2, ids), "a sentence has no end"),
        ("source_offsets", lambda places: places[::-1].copy(), "do not hold 60 sentences"),
        ("target_offsets", lambda places: places[:-1], "do not hold 60 sentences"),
    ],
)
def test_arrays_that_do_not_fit(
    folder: Path, part: str, change: Callable[[np.ndarray], np.ndarray], why: str
) -> None:
    path = folder / "bad" / f"{part}.npy"
    np.save(path, change(np.load(path)))
    assert why in refusal(folder)


def test_a_sentence_that_ends_before_it_begins(folder: Path) -> None:
    path = folder / "bad" / "source_offsets.npy"
    places = np.load(path)
    places[5] = places[-1]
    np.save(path, places)
    assert "a sentence ends before it begins" in refusal(folder)


@pytest.mark.parametrize("words", [[], ["one"], [7] * 16, ["\ud800"] * 16, {"a": 1}, None])
def test_words_that_do_not_fit(folder: Path, words: object) -> None:
    (folder / "bad" / "source_words.json").write_text(json.dumps(words))
    assert "The prepared corpus 'bad' is damaged (source: " in refusal(folder)


@pytest.mark.parametrize("text", ["[]", "{}", "7", '{"choices": {"max_length": -1}}'])
def test_facts_that_are_none(folder: Path, text: str) -> None:
    (folder / "bad" / "corpus.json").write_text(text)
    assert "The prepared corpus 'bad' is damaged (corpus.json: " in refusal(folder)


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("pairs_read", "many"),
        ("seconds", None),
        ("seconds", float("nan")),
        ("training_pairs", -5),
        ("training_pairs", 7),
        ("training_pairs", 1e300),
        ("test_pairs", 10**100),
        ("source_language", ["x"]),
        ("attribution", "\ud800"),
        ("bad_line_numbers", ["x"]),
    ],
)
def test_facts_of_other_types_or_of_no_corpus(folder: Path, fact: str, value: object) -> None:
    path = folder / "bad" / "corpus.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {fact: value}))
    assert [info.name for info in catalog.list_corpora(folder)] == ["good"]
    [error] = catalog.damaged_corpora(folder)
    assert str(error).startswith("The prepared corpus 'bad' is damaged (corpus.json: ")


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


@pytest.mark.parametrize("become", [make_pipe, make_endless, make_huge])
@pytest.mark.parametrize("part", PARTS)
def test_only_plain_files_of_a_sound_size_are_read(
    folder: Path, part: str, become: Callable[[Path], None]
) -> None:
    """The others would block who opens them, or be read until the memory ends."""
    (folder / "bad" / part).unlink()
    become(folder / "bad" / part)
    assert f"{part} is " in refusal(folder)


def test_arrays_longer_than_their_sentences_can_be_are_not_read(folder: Path) -> None:
    """A hole of 900 MB in the last sentence; it would be read through for its largest number."""
    places = np.load(folder / "bad" / "source_offsets.npy")
    places[-1] = 9 * 10**8
    np.save(folder / "bad" / "source_offsets.npy", places)
    path = folder / "bad" / "source_tokens.npy"
    np.lib.format.open_memmap(path, "w+", np.int8, (9 * 10**8,))
    assert "a sentence has more than 19 words" in refusal(folder)


def test_a_damaged_corpus_can_be_removed(folder: Path) -> None:
    remove(folder / "bad" / "corpus.json")
    catalog.remove(folder, "bad")
    assert [each.name for each in folder.iterdir()] == ["good"]


@pytest.mark.parametrize("part", ["source_tokens.npy", "corpus.json"])
def test_the_starter_corpus_is_prepared_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    few = b"".join(b"I see %d cats.\tJe vois %d chats.\n" % (n, n) for n in range(300))
    (tmp_path / "few.tsv.gz").write_bytes(gzip.compress(few))
    monkeypatch.setattr(catalog, "STARTER_FILE", tmp_path / "few.tsv.gz")
    whole = catalog.open_corpus(tmp_path, "starter").source.words
    fill_with_garbage(tmp_path / "starter" / part)
    assert catalog.open_corpus(tmp_path, "starter").source.words == whole


@given(notes=st.binary(max_size=40) | st.sampled_from([b"[]", b"{}", b"7", b'{"url": "u"}']))
def test_notes_of_a_download_that_make_no_sense_start_it_anew(
    tmp_path_factory: pytest.TempPathFactory, notes: bytes
) -> None:
    folder = tmp_path_factory.mktemp("part")
    (folder / "part").write_bytes(b"abc")
    (folder / "notes").write_bytes(notes)
    transfer = _Transfer("n", "v", folder / "part", folder / "notes", lambda *_: None, 0.0)
    assert _known(transfer) == {}
