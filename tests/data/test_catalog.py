"""Adding, opening and removing corpora."""

import gzip
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s2s.config import CorpusChoices, Direction, Normalizer
from s2s.data import catalog, corpus
from s2s.data.catalog import STARTER, add, list_corpora, open_corpus, remove
from s2s.errors import UserError
from s2s.records import SPECIAL_WORDS

Refused = Callable[[str], AbstractContextManager[None]]
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


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Of every file below but locks: which it is and when it was written."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if "locks" not in path.parts and path.name != "corpora"
    }


def test_an_added_corpus_can_be_opened(folder: Path, cats: Path) -> None:
    told: list[tuple[str, float | None]] = []
    info = add(folder, cats, progress=lambda *each: told.append(each))
    assert told == [("Reading cats: 50 lines", None)]
    assert (info.name, info.pairs_read, info.pairs_kept) == ("cats", 50, 50)
    assert (info.source_language, info.target_language) == ("column 2", "column 1")
    assert info.attribution == ""
    assert list_corpora(folder) == [info]
    opened = open_corpus(folder, "cats")
    assert opened.info == info
    assert (len(opened.training), len(opened.validation), len(opened.test)) == (40, 5, 5)
    assert opened.test[-1] == 49
    pairs = {opened.pair(index) for index in range(50)}
    assert pairs == {(f"je vois {n} chats.", f"i see {n} cats.") for n in range(50)}
    assert opened.source.lengths().tolist() == [5 + 1] * 50
    assert opened.source.known_words() == opened.source.words[: info.source_vocabulary]
    assert opened.source.words[:4] == list(SPECIAL_WORDS)


def test_the_model_sees_unknown_words_as_such(folder: Path, cats: Path) -> None:
    add(folder, cats)
    side = open_corpus(folder, "cats").source
    seen = side.model_tokens()
    assert seen.max() < side.vocabulary <= np.asarray(side.tokens).max()
    # Each held-out sentence has a number of its own.
    assert (seen == SPECIAL_WORDS.index("UNK")).sum() == 10
    assert (seen != side.tokens).sum() == 10


def test_the_first_direction_names_languages_the_other_way(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "deu-eng.txt"
    path.write_text(lines(), encoding="utf-8")
    info = add(folder, path)
    assert (info.source_language, info.target_language) == ("German", "English")
    info = add(folder, path, "b", CorpusChoices(direction=Direction.FIRST_TO_SECOND))
    assert (info.source_language, info.target_language) == ("English", "German")
    assert open_corpus(folder, "b").pair(0)[0].startswith("i see")


def test_the_same_again_is_not_prepared_again(folder: Path, cats: Path, tmp_path: Path) -> None:
    info = add(folder, cats)
    before = state(folder)
    copy = tmp_path / "copy.txt"
    copy.write_bytes(cats.read_bytes())
    assert add(folder, str(cats)) == info
    assert add(folder, copy, "cats", CorpusChoices()) == info
    assert state(folder) == before


def test_a_name_is_for_one_file_with_one_set_of_choices(
    folder: Path, cats: Path, refused: Refused
) -> None:
    add(folder, cats)
    before = state(folder)
    with refused("made with other choices; give this one another name (--name cats-article)"):
        add(folder, cats, choices=ARTICLE)
    cats.write_text(lines(60), encoding="utf-8")
    with refused("made from another file; give this one another name (--name cats-unicode)"):
        add(folder, cats)
    assert state(folder) == before
    add(folder, cats, "cats-unicode")
    with refused("--name cats-2"):
        add(folder, cats)


@pytest.mark.parametrize("choices", [ARTICLE, CorpusChoices(max_length=6)])
def test_the_proposed_name_can_be_taken(folder: Path, cats: Path, choices: CorpusChoices) -> None:
    name = "n" * 64
    add(folder, cats, name)
    with pytest.raises(UserError) as caught:
        add(folder, cats, name, choices)
    proposed = re.search(r"--name ([\w.-]*[\w-])", str(caught.value))
    assert proposed
    assert add(folder, cats, proposed[1], choices).name == proposed[1]
    assert len(list_corpora(folder)) == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", b"", "is empty"),
        ("one.txt", b"one\ncolumn\n", "two tab-separated columns"),
        ("binary.txt", b"a\tb\0\n", "binary"),
        ("damaged.zip", b"PK\3\4", "damaged"),
        ("picture.png", b"a\tb\n", ".txt, .tsv or .zip"),
        ("two words.txt", b"a\tb\n", "A corpus name is"),
        ("starter.txt", b"a\tb\n", "starter is the built-in corpus"),
    ],
)
def test_what_fails_changes_nothing(
    folder: Path,
    tmp_path: Path,
    cats: Path,
    refused: Refused,
    name: str,
    content: bytes,
    words: str,
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    add(folder, cats)
    before = state(tmp_path)
    with refused(words):
        add(folder, path)
    assert state(tmp_path) == before


def test_a_full_disk_leaves_nothing_behind(
    folder: Path, cats: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(folder, cats, "other")
    before = state(folder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with refused("could not be written to"):
        add(folder, cats)
    assert state(folder) == before
    monkeypatch.undo()
    assert add(folder, cats).name == "cats"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nothing.txt", "is neither a file nor a named pair"),
        ("fra", "named pairs are starter, ara-eng,"),
        ("", "is neither"),
        ("/", "is neither"),
        ("~nobody-of-this-name/x.txt", "cannot be read"),
        ("x" * 5000, "cannot be read"),
    ],
)
def test_what_is_neither_file_nor_pair(
    folder: Path, refused: Refused, what: str, words: str
) -> None:
    with refused(words):
        add(folder, what)
    assert not folder.exists()


@pytest.mark.parametrize(
    "name",
    ["..", ".", "../up", "a/b", "a\\b", "/abs", ".hidden", "-dash", "sp ace", "a\n", "é", "x" * 65],
)
def test_names_that_are_not_safe(folder: Path, cats: Path, refused: Refused, name: str) -> None:
    with refused("A corpus name is"):
        add(folder, cats, name)
    with refused("A corpus name is"):
        remove(folder, name)
    with refused("A corpus name is"):
        open_corpus(folder, name)
    assert not folder.exists()


def test_a_name_is_looked_at_before_anything_is_fetched(
    folder: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "download", None)
    with refused("A corpus name is"):
        add(folder, "fra-eng", "../up")


def test_remove(folder: Path, cats: Path, refused: Refused) -> None:
    add(folder, cats)
    add(folder, cats, "other")
    remove(folder, "cats")
    assert [info.name for info in list_corpora(folder)] == ["other"]
    with refused("There is no corpus 'cats'"):
        remove(folder, "cats")
    with refused("There is no corpus 'cats' (there are: starter, other)"):
        open_corpus(folder, "cats")
    assert add(folder, cats).name == "cats"


def test_what_was_left_half_done_is_not_listed(folder: Path, cats: Path) -> None:
    info = add(folder, cats)
    half = folder / ".adding-x" / "corpus"
    half.mkdir(parents=True)
    (half.parent / "corpus.json").write_text("{", encoding="utf-8")
    (folder / "empty").mkdir()
    assert list_corpora(folder) == [info]
    assert list_corpora(folder / "nowhere") == []


@pytest.fixture
def small_starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "small.tsv.gz"
    path.write_bytes(gzip.compress(lines(100).encode()))
    monkeypatch.setattr(catalog, "STARTER_FILE", path)
    return path


@pytest.mark.usefixtures("small_starter")
def test_the_starter_is_prepared_at_its_first_use(folder: Path) -> None:
    opened = open_corpus(folder, STARTER)
    assert (opened.info.name, opened.info.pairs_kept) == (STARTER, 100)
    assert (opened.info.source_language, opened.info.target_language) == ("French", "English")
    before = state(folder)
    open_corpus(folder, STARTER)
    assert state(folder) == before


def test_a_starter_of_older_pairs_is_prepared_anew(folder: Path, small_starter: Path) -> None:
    add(folder, STARTER)
    small_starter.write_bytes(gzip.compress(b"a\tb\nc\td\n"))
    assert open_corpus(folder, STARTER).info.pairs_kept == 2
    assert [path.name for path in folder.iterdir()] == [STARTER]


@pytest.mark.usefixtures("small_starter")
def test_a_starter_made_with_choices_opens_with_them(folder: Path) -> None:
    add(folder, STARTER, choices=ARTICLE)
    assert open_corpus(folder, STARTER).info.choices == ARTICLE


def test_the_shipped_starter_has_its_figures(folder: Path) -> None:
    info = open_corpus(folder, STARTER).info
    assert (info.pairs_read, info.pairs_kept, info.bad_lines) == (60_000, 60_000, 0)
    assert (info.source_words, info.target_words) == (2675, 1341)
    assert (info.training_pairs, info.validation_pairs, info.test_pairs) == (58_800, 599, 601)


def test_the_articles_corpus_has_the_articles_figures(folder: Path, test_data: Path) -> None:
    info = add(folder, test_data / "fra-eng.zip", choices=ARTICLE)
    assert (info.pairs_read, info.pairs_kept, info.bad_lines) == (167_130, 166_280, 0)
    assert (info.source_words, info.target_words) == (22_365, 13_595)
    assert (info.name, info.source_language, info.target_language) == (
        "fra-eng",
        "French",
        "English",
    )
    assert info.attribution == catalog.TATOEBA
    opened = open_corpus(folder, "fra-eng")
    for side in (opened.source, opened.target):
        assert len(side.lengths()) == 166_280
        assert side.lengths().max() == 20
        sentences = [
            {tuple(side.sentence(index)) for index in part}
            for part in (opened.training, opened.validation, opened.test)
        ]
        assert sum(map(len, sentences)) == len(set.union(*sentences))
    for part in (opened.validation, opened.test):
        assert 0.0098 < len(part) / 166_280 <= 0.01


LOCALE_SCRIPT = """
import sys, warnings
from pathlib import Path
warnings.filterwarnings("error", category=EncodingWarning, module="s2s")
from s2s.data.catalog import add, list_corpora, open_corpus
folder = Path(sys.argv[1])
add(folder, sys.argv[2])
opened = open_corpus(folder, list_corpora(folder)[0].name)
print(ascii(sorted(opened.pair(index) for index in range(2))))
"""


def test_the_locale_makes_no_difference(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("été\t日本\ncœur\tпривет\n", encoding="utf-8")
    environment = {
        **os.environ,
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONWARNDEFAULTENCODING": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOCALE_SCRIPT, str(folder), str(path)],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ascii([("привет", "coeur"), ("日本", "été")]) + "\n", done.stderr


def test_bad_bytes_are_counted_by_line(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(b"\xef\xbb\xbfa\tb\r\n\xe9t\xe9\tsummer\r\n\r\none column\r\nc\td\r\n")
    info = add(folder, path)
    assert (info.pairs_read, info.bad_lines, info.bad_line_numbers) == (2, 2, (2, 4))


PIECES = [b"a", b"\t", b"\n", b"\r", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe9", "日".encode()]


@pytest.mark.parametrize("suffix", [".txt", ".zip"])
@given(st.one_of(st.binary(), st.lists(st.sampled_from(PIECES)).map(b"".join)))
@example(b"PK\5\6" + bytes(18))
@example(b"\xef\xbb\xbf")
def test_any_bytes_are_a_corpus_or_refused(suffix: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, f"any{suffix}")
        path.write_bytes(content)
        _add_or_refuse(Path(name), path)


@given(st.lists(st.sampled_from(PIECES)).map(b"".join), st.sampled_from(["a.txt", "/a.txt", "a"]))
def test_any_text_in_a_zip_is_a_corpus_or_refused(content: bytes, entry: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "any.zip")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(entry, content)
        _add_or_refuse(Path(name), path)


def _add_or_refuse(folder: Path, path: Path) -> None:
    before = state(folder)
    try:
        info = add(folder, path)
    except UserError:
        assert state(folder) == before
    else:
        assert corpus.load(folder / "any").info == info
        assert info.training_pairs > 0
