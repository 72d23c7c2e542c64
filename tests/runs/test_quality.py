"""Quality on the test part, and the refusal to call sentences unseen that were not."""

import zipfile
from collections import defaultdict
from pathlib import Path
from threading import Event

import pytest

from s2s.config import CorpusChoices, Direction
from s2s.data import catalog
from s2s.errors import UserError
from s2s.paths import corpora_folder
from s2s.runs.execute import execute
from s2s.runs.quality import quality_on_test_part, references_of_test_part
from s2s.store import Store
from s2s.translation.quality import quality
from tests.tiny import tiny_config

LETTERS = str.maketrans("0123456789", "cdefghijkl")
DIGITS = str.maketrans("cdefghijkl", "0123456789")


def add(path: Path, first: int) -> None:
    """200 pairs whose words are all their own."""
    tails = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(first, first + 200)]
    path.write_text("".join(f"word{tail} end\tmot{tail} fin\n" for tail in tails))
    catalog.add(corpora_folder(), path, "tiny")


def test_quality_of_the_test_part_and_of_that_alone(store: Store, tmp_path: Path) -> None:
    add(tmp_path / "one.txt", 0)
    run_id = store.create_run(tiny_config(iterations=2))
    execute(store, run_id, Event())
    shares: list[float] = []
    found = quality_on_test_part(run_id, progress=shares.append)
    assert shares == [0.0, 1.0]
    assert quality_on_test_part(run_id, 7).sentences == 7
    corpus = catalog.open_corpus(corpora_folder(), "tiny")
    assert found.sentences == len(corpus.test) == 20
    assert 0 <= found.bleu <= 100
    assert 0 <= found.chrf <= 100

    catalog.remove(corpora_folder(), "tiny")
    add(tmp_path / "other.txt", 100)
    with pytest.raises(UserError, match="has changed since run 1 was trained"):
        quality_on_test_part(run_id)


def test_a_source_has_all_its_references(tmp_path: Path) -> None:
    """What a source has in the whole file, it has in the test part, since groups are not split."""
    path = tmp_path / "several.txt"
    lines = [f"a{n}x b\tq{n}x{' r' * times} z" for n in range(200) for times in range(n % 3 + 1)]
    path.write_text("\n".join(line.translate(LETTERS) for line in lines))
    choices = CorpusChoices(direction=Direction.FIRST_TO_SECOND)
    catalog.add(corpora_folder(), path, "several", choices)
    references = references_of_test_part(catalog.open_corpus(corpora_folder(), "several"))
    assert {len(each) for each in references.values()} == {1, 2, 3}
    for source, found in references.items():
        number = source.removeprefix("a").removesuffix("x b")
        wanted = [f"q{number}x{' r' * times} z" for times in range(len(found))]
        assert sorted(found) == sorted(wanted)
        assert len(found) == int(number.translate(DIGITS)) % 3 + 1


def test_a_corpus_without_a_test_part_says_so(tmp_path: Path) -> None:
    path = tmp_path / "two.txt"
    path.write_text("yes\toui\nno\tnon\n")
    catalog.add(corpora_folder(), path, "two")
    with pytest.raises(UserError, match="'two' is too small to have a test part"):
        references_of_test_part(catalog.open_corpus(corpora_folder(), "two"))


def test_real_sentences_with_several_references(test_data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(test_data / "fra-eng.zip") as archive:
        lines = archive.read("fra.txt").decode("utf-8").splitlines()[40_000:60_000]
    path = tmp_path / "fra.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    choices = CorpusChoices(direction=Direction.FIRST_TO_SECOND)
    catalog.add(corpora_folder(), path, "fra", choices)
    references = references_of_test_part(catalog.open_corpus(corpora_folder(), "fra"))
    in_file = defaultdict[str, list[str]](list)
    for line in lines:
        english, french = line.split("\t")[:2]
        in_file[letters(english)].append(letters(french))
    for source, found in references.items():
        assert sorted(map(letters, found)) == sorted(in_file[letters(source)])
    several = {source: found for source, found in references.items() if len(found) > 1}
    assert len(several) > len(references) / 10

    # The last reference of each is as good a translation as the first.
    outputs = [found[-1] for found in several.values()]
    first = quality(outputs, [found[:1] for found in several.values()])
    every = quality(outputs, list(several.values()))
    assert first.bleu < 90 < every.bleu == pytest.approx(100)
    assert first.chrf < 90 < every.chrf == pytest.approx(100)


def letters(text: str) -> str:
    """Normalising aside, what a sentence is."""
    return "".join(filter(str.isalnum, text.lower().replace("œ", "oe")))
