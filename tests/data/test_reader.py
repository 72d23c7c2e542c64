"""Lines out of corpus files, sound and unsound."""

import io
import random
import re
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.data import reader as corpus_file
from s2s.data.reader import comes_from_tatoeba, content_sha256, read_chunks, safe_name
from s2s.errors import UserError

Refused = Callable[[str], AbstractContextManager[None]]
TEXT = b"Go.\tVa !\nRun.\tCours !\n"


def lines_of(path: Path) -> list[str]:
    return [line for chunk in read_chunks(path) for line in chunk.lines]


def text_file(folder: Path, content: bytes, name: str = "corpus.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def zip_file(folder: Path, entries: dict[str, bytes]) -> Path:
    path = folder / "corpus.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"a\tb\nc\td\n",
        b"a\tb\nc\td",
        b"a\tb\r\nc\td\r\n",
        b"a\tb\r\nc\td",
        b"\xef\xbb\xbfa\tb\nc\td\n",
        b"\xef\xbb\xbfa\tb\r\nc\td\r\n",
    ],
)
def test_line_ends_and_byte_order_marks(tmp_path: Path, content: bytes) -> None:
    assert lines_of(text_file(tmp_path, content)) == ["a\tb", "c\td"]


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    text = "a\u2028a\x85a\x0ca\ra\tb\n\n\tc\n"
    assert lines_of(text_file(tmp_path, text.encode())) == text.split("\n")[:-1]


def test_bytes_that_are_not_utf8_become_one_sign_each(tmp_path: Path) -> None:
    assert lines_of(text_file(tmp_path, b"\xe9t\xe9\tsummer\nd\xc3\n")) == [
        "\ufffdt\ufffd\tsummer",
        "d\ufffd",
    ]


@given(
    lines=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"))),
    chunk_bytes=st.integers(1, 40),
    ends_with_line=st.booleans(),
)
def test_chunks_of_any_size_hold_the_same_lines(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    chunk_bytes: int,
    ends_with_line: bool,
) -> None:
    lines = ["first", *lines] if ends_with_line else ["first", *lines, "last"]
    content = "\n".join(lines) + "\n" * ends_with_line
    path = text_file(tmp_path_factory.getbasetemp(), content.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus_file, "_CHUNK_BYTES", chunk_bytes)
        chunks = list(read_chunks(path))
    assert [line for chunk in chunks for line in chunk.lines] == lines
    number = 1
    for chunk in chunks:
        assert chunk.first_line_number == number
        number += len(chunk.lines)


def test_a_large_file_comes_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_file, "_CHUNK_BYTES", 1000)
    chunks = list(read_chunks(text_file(tmp_path, b"0123456\t8\n" * 1000)))
    assert [len(chunk.lines) for chunk in chunks] == [100] * 10


@pytest.mark.parametrize("name", ["corpus.txt", "corpus.tsv", "CORPUS.TXT"])
def test_names_of_texts(tmp_path: Path, name: str) -> None:
    assert lines_of(text_file(tmp_path, TEXT, name)) == TEXT.decode().splitlines()


@pytest.mark.parametrize(
    "entries",
    [
        {"fra.txt": TEXT},
        {"_about.txt": b"about", "fra.txt": TEXT},
        {"fra-eng/fra.txt": TEXT, "__MACOSX/._fra.txt": b"x", "__MACOSX/fra.txt": b"x"},
        {"fra-eng/": b"", "fra-eng/_about.txt": b"about", "fra-eng/fra.tsv": TEXT, "a.pdf": b"x"},
    ],
)
def test_the_one_text_of_a_zip(tmp_path: Path, entries: dict[str, bytes]) -> None:
    assert lines_of(zip_file(tmp_path, entries)) == TEXT.decode().splitlines()


def test_the_real_zip(test_data: Path) -> None:
    lines = lines_of(test_data / "fra-eng.zip")
    assert len(lines) == 167_130
    assert lines[0] == "Go.\tVa !"
    assert all(line.count("\t") == 1 for line in lines)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("c.txt", b"", "is empty"),
        ("c.zip", b"", "is empty"),
        ("c.txt", "a\tb\n".encode("utf-16"), "UTF-16; save it as UTF-8"),
        ("c.txt", "a\tb\n".encode("utf-16-le"), "binary"),
        ("c.txt", b"\x7fELF\0\0\n", "binary"),
        ("c.pdf", TEXT, "give a .txt, .tsv or .zip"),
        ("c", TEXT, "give a .txt, .tsv or .zip"),
        ("c.zip", TEXT, "damaged or unusual zip"),
        ("c.txt", b"x" * 2**16 + b"x", "line of over 64 KiB"),
        ("c.txt", TEXT + b"x" * 2**16 + b"x\n" + TEXT, "line of over 64 KiB"),
    ],
)
def test_files_that_are_no_corpus(
    tmp_path: Path, refused: Refused, name: str, content: bytes, words: str
) -> None:
    path = text_file(tmp_path, content, name)
    with refused(words):
        lines_of(path)


def test_a_text_without_end(
    tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_file, "MAX_TEXT_BYTES", len(TEXT) - 1)
    with refused("of text"):
        lines_of(text_file(tmp_path, TEXT))
    with refused("would unpack to"):
        lines_of(zip_file(tmp_path, {"fra.txt": TEXT}))


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({}, "found none"),
        ({"_about.txt": TEXT, "fra.csv": TEXT}, "found none"),
        ({"fra.txt": TEXT, "deu.txt": TEXT}, "found 'fra.txt', 'deu.txt'"),
        ({"../fra.txt": TEXT}, "outside its own folder"),
        ({"fra.txt": TEXT, "a/../../b": b""}, "outside its own folder"),
        ({"fra.txt": TEXT, "..\\b": b""}, "outside its own folder"),
        ({"/fra.txt": TEXT}, "outside its own folder"),
        ({"C:/fra.txt": TEXT}, "outside its own folder"),
        ({"C:\\fra.txt": TEXT}, "outside its own folder"),
        ({"fra.txt": bytes(2**20)}, "would unpack to 1 MB"),
        ({f"{n}.pdf": b"" for n in range(1000)} | {"fra.txt": TEXT}, "holds more than 1,000 files"),
    ],
)
def test_zips_that_are_not_opened(
    tmp_path: Path, refused: Refused, entries: dict[str, bytes], words: str
) -> None:
    path = zip_file(tmp_path, entries)
    with refused(words):
        lines_of(path)


def test_a_zip_that_hides_its_size(tmp_path: Path, refused: Refused) -> None:
    path = zip_file(tmp_path, {"fra.txt": b"a\tb\n" * 2**18})
    content = path.read_bytes().replace((2**20).to_bytes(4, "little"), (400).to_bytes(4, "little"))
    path.write_bytes(content)
    with refused("damaged or unusual zip"):
        lines_of(path)


def with_fields(content: bytes, fields: dict[int, bytes]) -> bytes:
    """A zip of one entry with other bytes at offsets of that entry in its directory."""
    start = content.index(b"PK\1\2")
    changed = bytearray(content)
    for offset, value in fields.items():
        changed[start + offset : start + offset + len(value)] = value
    return bytes(changed)


def test_a_zip_that_lies_about_what_it_is_packed_to(tmp_path: Path, refused: Refused) -> None:
    """100 MB of zeros as "95 MB, not packed at all"."""
    path = zip_file(tmp_path, {"fra.txt": bytes(100 * 2**20)})
    path.write_bytes(with_fields(path.read_bytes(), {20: (95 * 2**20).to_bytes(4, "little")}))
    with refused("would unpack to 105 MB"):
        lines_of(path)


def test_a_zip_that_lies_with_64_bits(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "corpus.zip"
    entry = zipfile.ZipInfo("fra.txt")
    entry.extra = struct.pack("<HHQQ", 1, 16, 2**63, 2**63)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, TEXT)
    path.write_bytes(with_fields(path.read_bytes(), {20: b"\xff" * 8}))
    with refused("would unpack to 9,223,372,036,855 MB"):
        lines_of(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("name", ["fra.txt", "_about.txt"])
def test_a_small_piece_never_unpacks_to_a_large_one(
    tmp_path: Path, refused: Refused, method: int, name: str
) -> None:
    """60 MB in a few kB, said to be 1,000 bytes: whoever asks for these gets all in memory."""
    path = tmp_path / "corpus.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, bytes(60 * 10**6))
    path.write_bytes(with_fields(path.read_bytes(), {24: (1000).to_bytes(4, "little")}))
    for attempt in (lines_of, comes_from_tatoeba):
        tracemalloc.start()
        with refused("damaged or unusual zip"):
            attempt(path)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < 20 * 10**6


def test_more_entries_than_the_zip_says(tmp_path: Path, refused: Refused) -> None:
    """Counted before zipfile makes an object of each."""
    path = zip_file(tmp_path, {f"{n}": b"" for n in range(20_000)} | {"fra.txt": TEXT})
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\5\6")
    content[end + 8 : end + 12] = (1).to_bytes(2, "little") * 2
    path.write_bytes(content)
    tracemalloc.start()
    for attempt in (lines_of, comes_from_tatoeba):
        with refused("holds more than 1,000 files"):
            attempt(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 10**6


def test_entries_that_share_their_bytes(tmp_path: Path, refused: Refused) -> None:
    """A hundred names for one text: which of them is meant nobody can say."""
    path = zip_file(tmp_path, {"fra.txt": TEXT})
    content = path.read_bytes()
    start, end = content.index(b"PK\1\2"), content.rindex(b"PK\5\6")
    size = (100 * (end - start)).to_bytes(4, "little")
    ends = content[end : end + 8] + (100).to_bytes(2, "little") * 2 + size + content[end + 16 :]
    path.write_bytes(content[:start] + 100 * content[start:end] + ends)
    with refused("has to hold one .txt or .tsv corpus"):
        lines_of(path)


def test_a_link_in_a_zip_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_bytes(b"secret\tsecret\n")
    path = tmp_path / "corpus.zip"
    link = zipfile.ZipInfo("fra.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, str(tmp_path / "secret.txt"))
    assert lines_of(path) == [str(tmp_path / "secret.txt")]


def test_an_encrypted_zip(tmp_path: Path, refused: Refused) -> None:
    path = zip_file(tmp_path, {"fra.txt": TEXT})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with refused("is encrypted; unpack it"):
        lines_of(path)


def test_a_zip_packed_in_an_unknown_way(tmp_path: Path, refused: Refused) -> None:
    path = zip_file(tmp_path, {"fra.txt": TEXT})
    content = bytearray(path.read_bytes())
    content[8] = content[content.index(b"PK\1\2") + 10] = 99
    path.write_bytes(content)
    with refused("damaged or unusual zip"):
        lines_of(path)


def test_a_zip_that_points_nowhere(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "corpus.zip"
    entry = zipfile.ZipInfo("fra.txt")
    # A 64-bit field for the place of the text, read where the 32-bit one is full.
    entry.extra = struct.pack("<HHQ", 1, 8, 2**64 - 1)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, TEXT)
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\1\2")
    content[directory + 42 : directory + 46] = b"\xff" * 4
    path.write_bytes(content)
    with refused("damaged or unusual zip"):
        lines_of(path)


def test_a_zip_with_other_bytes_than_it_was_made_of(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "corpus.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("fra.txt", TEXT)
    path.write_bytes(path.read_bytes().replace(b"Cours", b"Court"))
    with refused("damaged or unusual zip"):
        lines_of(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_a_zip_cut_short(tmp_path: Path, refused: Refused, kept: float) -> None:
    path = zip_file(tmp_path, {"fra.txt": random.Random(0).randbytes(1000).hex().encode()})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with refused("damaged or unusual zip"):
        lines_of(path)
    with refused("damaged or unusual zip"):
        comes_from_tatoeba(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_with_any_byte_changed_is_named_so_or_reads_the_same(
    tmp_path: Path, method: int
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("é.txt", TEXT)
        archive.writestr("_about.txt", b"Tatoeba")
    for place, byte in enumerate(packed.getvalue()):
        for other in (byte ^ 1, 255):
            content = bytearray(packed.getvalue())
            content[place] = other
            path = text_file(tmp_path, bytes(content), "damaged.zip")
            outcome = _lines_or_reason(path)
            assert outcome in (TEXT.decode().splitlines(), ["Tatoeba"], "damaged.zip")


def _lines_or_reason(path: Path) -> list[str] | str:
    try:
        comes_from_tatoeba(path)
        return lines_of(path)
    except UserError as error:
        reason = str(error)
        return path.name if path.name in reason and "None" not in reason else reason


@given(
    st.text()
    | st.text(st.sampled_from("./\\:\0 aCON-_*?\u2024\uff0e\u2215\u202e~"))
    | st.builds("{}{}".format, st.text(max_size=5), st.sampled_from([".TXT", ".tsv", ".zip"]))
    | st.text(alphabet="aé", min_size=300, max_size=400)
)
def test_a_safe_name_is_one_plain_name(uploaded: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}\.(txt|tsv|zip)", safe_name(uploaded))


@pytest.mark.parametrize(
    ("uploaded", "name"),
    [
        ("fra.tsv", "fra.tsv"),
        ("../../x.tsv", "x.tsv"),
        ("C:\\x", "C-x.txt"),
        ("a\0b.zip", "a-b.zip"),
        (".s2s", "s2s.txt"),
        ("..", "upload.txt"),
        ("\uff0e\uff0e\uff0fx.txt", "x.txt"),
        ("x.tsv/../../y", "y.txt"),
    ],
)
def test_what_is_kept_of_an_uploaded_name(uploaded: str, name: str) -> None:
    assert safe_name(uploaded) == name


def test_files_that_cannot_be_opened(tmp_path: Path, refused: Refused) -> None:
    for attempt in (lines_of, comes_from_tatoeba, content_sha256):
        with refused("gone.txt cannot be read (No such file"):
            attempt(tmp_path / "gone.txt")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({"fra.txt": TEXT}, False),
        ({"fra.txt": TEXT + b"CC-BY 2.0 (France) Attribution: tatoeba.org #1\n"}, True),
        ({"fra.txt": TEXT, "fra/_about.txt": b"from http://Tatoeba.org"}, True),
        ({"fra.txt": TEXT, "readme.md": b"tatoeba"}, False),
    ],
)
def test_files_from_tatoeba(tmp_path: Path, entries: dict[str, bytes], expected: bool) -> None:
    assert comes_from_tatoeba(zip_file(tmp_path, entries)) is expected
    assert comes_from_tatoeba(text_file(tmp_path, entries["fra.txt"])) is (
        b"tatoeba" in entries["fra.txt"]
    )


def test_real_files_come_from_tatoeba(test_data: Path) -> None:
    assert comes_from_tatoeba(test_data / "fra-eng.zip")
    assert comes_from_tatoeba(test_data / "fra-3col-sample.txt")


def test_content_is_told_by_its_bytes(tmp_path: Path) -> None:
    path = text_file(tmp_path, b"abc")
    assert content_sha256(path) == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
