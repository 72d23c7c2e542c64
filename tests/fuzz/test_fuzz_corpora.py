"""Any bytes as a corpus file or a zip: it is prepared and can be trained on, or one sentence."""

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s2s.config import CorpusChoices, Direction, Normalizer
from s2s.data import catalog
from s2s.paths import corpora_folder
from tests.fuzz.fence import fenced, may_refuse
from tests.fuzz.small import LINES, TEXT, add, use
from tests.fuzz.strategies import HOSTILE_TEXTS, fuzzed, hostile_text, mutated

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


def taken_or_refused(file: Path, chosen: CorpusChoices | None = None) -> None:
    with may_refuse():
        use(add(file, choices=chosen))
    left = corpora_folder().glob(".adding*") if corpora_folder().exists() else ()
    assert not list(left)


@fuzzed(60)
@given(content=mutated(TEXT, _PIECES), suffix=st.sampled_from((".txt", ".tsv")), chosen=choices)
@example(content=b"\n" * 9, suffix=".txt", chosen=CorpusChoices())
@example(content=b"a\tb\n", suffix=".txt", chosen=CorpusChoices())
@example(content=b"a\tb\r\n" * 300, suffix=".tsv", chosen=CorpusChoices())
def test_bytes(tmp_path: Path, content: bytes, suffix: str, chosen: CorpusChoices) -> None:
    with fenced(tmp_path) as here:
        file = here / f"x{suffix}"
        file.write_bytes(content)
        taken_or_refused(file, chosen)


@fuzzed(40)
@given(
    lines=st.lists(st.lists(columns, min_size=1, max_size=4), min_size=1, max_size=12),
    end=st.sampled_from(("\n", "\r\n", "\r", "\u2028")),
    encoding=st.sampled_from(_ENCODINGS),
    chosen=choices,
)
def test_hostile_lines(
    tmp_path: Path, lines: list[list[str]], end: str, encoding: str, chosen: CorpusChoices
) -> None:
    with fenced(tmp_path) as here:
        file = here / "x.txt"
        text = end.join("\t".join(each) for each in [*lines, *([each] for each in LINES)])
        file.write_bytes(text.encode(encoding, errors="replace"))
        taken_or_refused(file, chosen)


@fuzzed(30)
@given(name=hostile_text, suffix=st.sampled_from((".txt", ".TSV", ".zip", "", ".txt.", ".exe")))
@example(name="a\nb", suffix=".exe")
@example(name="\u202etxt", suffix=".exe")
def test_file_names(tmp_path: Path, name: str, suffix: str) -> None:
    with fenced(tmp_path) as here:
        file = here / (name[:40] + suffix).replace("/", "-").replace("\0", "-")
        try:
            file.write_bytes(TEXT)
        except (OSError, UnicodeError):
            return  # no such name can be
        with may_refuse():
            catalog.add(corpora_folder(), file)


@fuzzed(60)
@given(what=hostile_text, name=hostile_text)
@example(what="fra-eng/../../x", name="")
def test_what_is_added(tmp_path: Path, what: str, name: str) -> None:
    with fenced(tmp_path), may_refuse():
        catalog.add(corpora_folder(), what, name)


@fuzzed(60)
@given(name=hostile_text)
@pytest.mark.parametrize("of", [catalog.remove, catalog.open_corpus])
def test_names_of_corpora(tmp_path: Path, of: type, name: str) -> None:
    with fenced(tmp_path), may_refuse():
        of(corpora_folder(), name)


# Zips


def zipped(
    entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: str = ""
) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        archive.comment = comment.encode(errors="replace")
    return file.getvalue()


def streamed(entries: dict[str, bytes]) -> bytes:
    """With data descriptors behind the entries and zip64 fields, as a pipe's writer has to."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    file = Pipe()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            with archive.open(name, "w", force_zip64=True) as entry:
                entry.write(content)
    return file.getvalue()


GOOD = {"_about.txt": b"Tatoeba", "fra.txt": TEXT}
ZIPS = (
    zipped(GOOD),
    zipped(GOOD, zipfile.ZIP_STORED, comment="c" * 99),
    zipped(GOOD, zipfile.ZIP_BZIP2),
    zipped(GOOD, zipfile.ZIP_LZMA),
    streamed(GOOD),
    zipped({"x.zip": zipped(GOOD)}),
)


def local_and_central(valid: bytes) -> list[int]:
    """Where headers begin: what stands there is lied about."""
    marks = (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x07\x08", b"PK\x06\x06")
    return [at for at in range(len(valid)) if valid[at : at + 4] in marks]


@st.composite
def lying(draw: st.DrawFn) -> bytes:
    """A zip one of whose headers holds other numbers than those that are true."""
    data = bytearray(draw(st.sampled_from(ZIPS)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.sampled_from(local_and_central(bytes(data)))) + draw(st.integers(4, 46))
        width = draw(st.sampled_from((1, 2, 4)))
        lie = draw(st.sampled_from((0, 1, 0x7F, 0xFF, 0x100, 2**16 - 1, 2**31, 2**32 - 1)))
        if at + width <= len(data):
            data[at : at + width] = (lie % 256**width).to_bytes(width, "little")
    return bytes(data)


@fuzzed(80)
@given(content=st.one_of(st.sampled_from(ZIPS).flatmap(mutated), lying()))
def test_zips(tmp_path: Path, content: bytes) -> None:
    with fenced(tmp_path) as here:
        file = here / "x.zip"
        file.write_bytes(content)
        taken_or_refused(file)


@fuzzed(40)
@given(
    names=st.lists(st.sampled_from(HOSTILE_TEXTS), min_size=1, max_size=5, unique=True),
    suffix=st.sampled_from(("", ".txt", ".tsv", "/", ".zip")),
    method=st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)),
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_in_zips(tmp_path: Path, names: list[str], suffix: str, method: int) -> None:
    entries = {}
    for name in names:
        try:
            (name + suffix).encode()
        except UnicodeError:
            continue
        if (name + suffix).split("\0")[0]:  # zipfile cuts a name there
            entries[name + suffix] = TEXT
    with fenced(tmp_path) as here:
        file = here / "x.zip"
        file.write_bytes(zipped(entries, method))
        taken_or_refused(file)
