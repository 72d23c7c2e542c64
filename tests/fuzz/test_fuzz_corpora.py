"""Any bytes as a corpus file, a zip or a prepared corpus: used, or rejected with a good message."""

import contextlib
import io
import json
import shutil
import zipfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from s2s.config import CorpusChoices, Direction, Normalizer
from s2s.data import catalog
from s2s.paths import corpora_folder
from tests.fuzz.sandbox import may_reject, sandbox
from tests.fuzz.small import LINES, TEXT, add, use
from tests.fuzz.strategies import fuzz, hostile_text, mutated, mutated_json

_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252", "shift_jis", "utf-7")
_PIECES = (
    b"\r\n", b"\r", b"\t\t", b"\xe2\x80\xa8", b"\xc2\x85", b"\xef\xbb\xbf", b"\xff\xfe",
    b"\xed\xa0\x80", b"\xe2\x80\xae", b"x" * 70_000, b"a\tb\n" * 300, b"PK\x03\x04", b"\xc0\x80",
)  # fmt: skip
choices = st.builds(
    CorpusChoices,
    normalizer=st.sampled_from(Normalizer),
    direction=st.sampled_from(Direction),
    max_length=st.sampled_from((1, 3, 19, 1000)),
    min_count=st.sampled_from((1, 2, 1000)),
    max_vocabulary=st.sampled_from((0, 1, 5)),
)
columns = st.one_of(st.sampled_from(LINES), hostile_text)


def use_or_reject(folder: Path, name: str, content: bytes, **named: CorpusChoices) -> None:
    with sandbox(folder) as here:
        (here / name).write_bytes(content)
        with may_reject():
            use(add(here / name, **named))
        assert not list(corpora_folder().glob(".adding*"))


@fuzz(20)
@given(
    lines=st.lists(st.lists(columns, min_size=1, max_size=4), max_size=12),
    end=st.sampled_from(("\n", "\r\n", "\r", "\u2028")),
    encoding=st.sampled_from(_ENCODINGS),
    choices=choices,
    data=st.data(),
)
def test_texts(
    tmp_path: Path,
    lines: list[list[str]],
    end: str,
    encoding: str,
    choices: CorpusChoices,
    data: st.DataObject,
) -> None:
    text = end.join("\t".join(each) for each in [*lines, *([each] for each in LINES)])
    content = text.encode(encoding, errors="replace")
    if not lines:
        content = data.draw(mutated(content, _PIECES))
    use_or_reject(tmp_path, "x.txt", content, choices=choices)


@fuzz(30)
@given(what=hostile_text, name=hostile_text)
@example(what="fra-eng/../../x", name="")
@example(what="a\nb", name=".exe")
def test_names(tmp_path: Path, what: str, name: str) -> None:
    with sandbox(tmp_path) as here:
        file = here / (what[:40] + name[:9]).replace("/", "-").replace("\0", "-")
        with contextlib.suppress(OSError, UnicodeError):  # not a valid file name
            file.write_bytes(TEXT)
        for call in (
            lambda: catalog.add(corpora_folder(), file),
            lambda: catalog.add(corpora_folder(), what, name),
            lambda: catalog.remove(corpora_folder(), name),
            lambda: catalog.open_corpus(corpora_folder(), name or what),
        ):
            with may_reject():
                call()


@fuzz(30)
@given(data=st.data())
def test_prepared_corpora(tmp_path: Path, home_with_runs: Path, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted((home_with_runs / "corpora/x").iterdir())))
    if file.suffix == ".json" and data.draw(st.booleans()):
        content = json.dumps(data.draw(mutated_json(json.loads(file.read_bytes())))).encode()
    else:
        content = data.draw(mutated(file.read_bytes()))
    with sandbox(tmp_path) as here:
        shutil.copytree(home_with_runs, here / "home")
        (here / "home" / "corpora" / "x" / file.name).write_bytes(content)
        assert "y" in [info.name for info in catalog.list_corpora(corpora_folder())]
        with may_reject():
            use(catalog.open_corpus(corpora_folder(), "x"))


def zipped(method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("_about.txt", b"Tatoeba")
        archive.writestr("fra.txt", TEXT)
    return file.getvalue()


ZIPS = [
    zipped(method)
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
]


@fuzz(40)
@given(content=st.sampled_from(ZIPS).flatmap(mutated))
def test_zips(tmp_path: Path, content: bytes) -> None:
    use_or_reject(tmp_path, "x.zip", content)
