"""Adding, opening and removing corpora."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from s2s.config import CorpusChoices, Direction, Normalizer
from s2s.data import catalog
from s2s.data.catalog import STARTER, add, list_corpora, open_corpus, remove
from s2s.errors import UserError
from s2s.records import SPECIAL_WORDS

ARTICLE = CorpusChoices(normalizer=Normalizer.ARTICLE)


def lines(count: int = 50) -> str:
    return "".join(f"I see {n} cats.\tJe vois {n} chats.\n" for n in range(count))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "corpora"


@pytest.fixture
def cats(tmp_path: Path) -> Path:
    path = tmp_path / "cats.txt"
    path.write_text(lines(), encoding="utf-8")
    return path


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of every file in a folder, except locks."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if "locks" not in path.parts and path.name != "corpora"
    }


def test_an_added_corpus_can_be_opened(folder: Path, cats: Path) -> None:
    progress: list[tuple[str, float | None]] = []
    info = add(folder, cats, progress=lambda *each: progress.append(each))
    assert [share for _, share in progress] == [None]
    assert (info.name, info.pairs_read, info.pairs_kept) == ("cats", 50, 50)
    assert (info.source_language, info.target_language) == ("column 2", "column 1")
    assert info.attribution == ""
    assert list_corpora(folder) == [info]
    opened = open_corpus(folder, "cats")
    assert opened.info == info
    assert (len(opened.training), len(opened.validation), len(opened.test)) == (40, 5, 5)
    assert opened.test[-1] == 49
    pairs = {opened.get_pair(index) for index in range(50)}
    assert pairs == {(f"je vois {n} chats.", f"i see {n} cats.") for n in range(50)}
    side = opened.source
    assert side.lengths.tolist() == [5 + 1] * 50
    assert side.build_vocabulary().words == side.words[: info.source_vocabulary]
    assert side.words[:4] == list(SPECIAL_WORDS)
    tokens = side.replace_unknown_words()
    assert tokens.max() < side.vocabulary_size <= np.asarray(side.tokens).max()
    # Each pair of the validation and test splits has a number of its own.
    assert (tokens == SPECIAL_WORDS.index("UNK")).sum() == (tokens != side.tokens).sum() == 10


def test_the_direction_swaps_the_languages(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "deu-eng.txt"
    path.write_text(lines(), encoding="utf-8")
    info = add(folder, path)
    assert (info.source_language, info.target_language) == ("German", "English")
    info = add(folder, path, "b", CorpusChoices(direction=Direction.FIRST_TO_SECOND))
    assert (info.source_language, info.target_language) == ("English", "German")
    assert open_corpus(folder, "b").get_pair(0)[0].startswith("i see")


@pytest.mark.parametrize("name", ["cats", "n" * 64])
def test_a_name_stands_for_one_file_with_one_set_of_choices(
    folder: Path, cats: Path, tmp_path: Path, name: str
) -> None:
    info = add(folder, cats, name)
    before = snapshot(folder)
    copy = tmp_path / "copy.txt"
    copy.write_bytes(cats.read_bytes())
    assert add(folder, copy, name, CorpusChoices()) == info
    with pytest.raises(UserError, match="with other choices") as caught:
        add(folder, cats, name, ARTICLE)
    proposal = re.search(r"--name ([\w.-]*[\w-])", str(caught.value))
    assert proposal
    assert snapshot(folder) == before
    assert add(folder, cats, proposal[1], ARTICLE).name == proposal[1]
    cats.write_text(lines(60), encoding="utf-8")
    with pytest.raises(UserError, match="from another file") as caught:
        add(folder, cats, name)
    assert proposal[1] not in str(caught.value)  # it is taken


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("one.txt", b"one\ncolumn\n"),
        ("damaged.zip", b"PK\3\4"),
        ("two words.txt", b"a\tb\n"),
        ("starter.txt", b"a\tb\n"),
        *((name, None) for name in ("nothing.txt", "fra", "~no-such-user/x", "x" * 5000)),
    ],
)
def test_a_failed_add_changes_nothing(
    folder: Path, tmp_path: Path, cats: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
        name = str(tmp_path / name)
    add(folder, cats)
    before = snapshot(tmp_path)
    with pytest.raises(UserError):
        add(folder, name)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["..", "../up", "a/b", "a\\b", "/abs", ".hidden", "-dash", "a\n", "é", "x" * 65]
)
def test_unsafe_names(folder: Path, cats: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(catalog, "download", None)  # the name is checked before downloading
    for call in (
        lambda: add(folder, cats, name),
        lambda: add(folder, "fra-eng", name),
        lambda: remove(folder, name),
        lambda: open_corpus(folder, name),
    ):
        with pytest.raises(UserError, match="corpus name"):
            call()
    assert not folder.exists()


def test_remove_and_incomplete_corpora(folder: Path, cats: Path) -> None:
    add(folder, cats)
    other = add(folder, cats, "other")
    remove(folder, "cats")
    with pytest.raises(UserError, match="'cats' not found"):
        remove(folder, "cats")
    with pytest.raises(UserError, match="Available: starter, other"):
        open_corpus(folder, "cats")
    incomplete = folder / ".adding-x-1" / "corpus"
    incomplete.mkdir(parents=True)
    (folder / "empty").mkdir()
    assert list_corpora(folder) == [other]
    assert list_corpora(folder / "nowhere") == []
    catalog.remove_leftovers(folder)
    assert not incomplete.exists()
    assert add(folder, cats).name == "cats"


def test_the_starter_corpus_is_prepared_at_first_use(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "small.tsv.gz"
    file.write_bytes(gzip.compress(lines(100).encode()))
    monkeypatch.setattr(catalog, "STARTER_FILE", file)
    info = open_corpus(folder, STARTER).info
    assert (info.name, info.pairs_kept) == (STARTER, 100)
    assert (info.source_language, info.target_language) == ("French", "English")
    before = snapshot(folder)
    open_corpus(folder, STARTER)
    assert snapshot(folder) == before
    for damaged in ("source_tokens.npy", "corpus.json"):
        (folder / STARTER / damaged).write_bytes(b"\xa5" * 100)
        assert open_corpus(folder, STARTER).info.pairs_kept == 100
    file.write_bytes(gzip.compress(b"a\tb\nc\td\n"))  # a newer version
    assert open_corpus(folder, STARTER).info.pairs_kept == 2
    assert [path.name for path in folder.iterdir()] == [STARTER]
    remove(folder, STARTER)
    add(folder, STARTER, choices=ARTICLE)
    assert open_corpus(folder, STARTER).info.choices == ARTICLE


def test_figures_of_the_starter_corpus(folder: Path) -> None:
    info = open_corpus(folder, STARTER).info
    assert (info.pairs_read, info.pairs_kept, info.bad_lines) == (60_000, 60_000, 0)
    assert (info.source_words, info.target_words) == (2675, 1341)
    assert (info.training_pairs, info.validation_pairs, info.test_pairs) == (58_800, 599, 601)


def test_figures_of_the_article_s_corpus(folder: Path, test_data: Path) -> None:
    info = add(folder, test_data / "fra-eng.zip", choices=ARTICLE)
    assert (info.pairs_read, info.pairs_kept, info.bad_lines) == (167_130, 166_280, 0)
    assert (info.source_words, info.target_words) == (22_365, 13_595)
    assert (info.name, info.source_language) == ("fra-eng", "French")
    assert info.attribution == catalog.TATOEBA_ATTRIBUTION
    opened = open_corpus(folder, "fra-eng")
    splits = (opened.training, opened.validation, opened.test)
    for side in (opened.source, opened.target):
        lengths = side.lengths
        assert len(lengths) == 166_280
        assert lengths.max() == 20
        sentences = [{tuple(side.get_sentence(index)) for index in split} for split in splits]
        assert sum(map(len, sentences)) == len(set.union(*sentences))
        # The file is sorted by length; evaluations use the first 512 validation pairs only.
        validation = lengths[opened.validation.start : opened.validation.stop]
        assert validation[:512].mean() == pytest.approx(validation.mean(), rel=0.05)
    for split in splits[1:]:
        assert 0.0098 < len(split) / 166_280 <= 0.01
