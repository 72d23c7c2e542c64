"""Lines of corpus files, valid and invalid."""

import re
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.data import reader
from s2s.data.reader import comes_from_tatoeba, content_sha256, read_chunks, safe_name
from s2s.errors import UserError

TEXT = b"Go.\tVa !\nRun.\tCours !\n"


def read_lines(path: Path) -> list[str]:
    return [line for chunk in read_chunks(path) for line in chunk.lines]


def text_file(folder: Path, content: bytes, name: str = "corpus.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def zip_file(folder: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder / "corpus.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def change_directory(path: Path, fields: dict[int, bytes]) -> None:
    """Overwrite bytes of the first entry in the zip's directory, by offset in that entry."""
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\1\2")
    for offset, value in fields.items():
        content[start + offset : start + offset + len(value)] = value
    path.write_bytes(content)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("content", [b"a\tb\nc\td\n", b"a\tb\nc\td", b"a\tb\r\nc\td\r\n"])
def test_line_breaks_and_byte_order_marks(tmp_path: Path, mark: bytes, content: bytes) -> None:
    assert read_lines(text_file(tmp_path, mark + content)) == ["a\tb", "c\td"]


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    text = "a\u2028a\x85a\x0ca\ra\tb\n\n\tc\n"
    assert read_lines(text_file(tmp_path, text.encode())) == text.split("\n")[:-1]


def test_bytes_that_are_not_utf8_are_replaced(tmp_path: Path) -> None:
    path = text_file(tmp_path, b"\xe9t\xe9\tsummer\nd\xc3\n")
    assert read_lines(path) == ["\ufffdt\ufffd\tsummer", "d\ufffd"]


@given(
    lines=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"))),
    chunk_bytes=st.integers(1, 40),
    ends_with_line_break=st.booleans(),
)
def test_chunks_of_any_size_contain_the_same_lines(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    chunk_bytes: int,
    ends_with_line_break: bool,
) -> None:
    lines = ["first", *lines] if ends_with_line_break else ["first", *lines, "last"]
    content = "\n".join(lines) + "\n" * ends_with_line_break
    path = text_file(tmp_path_factory.getbasetemp(), content.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_CHUNK_BYTES", chunk_bytes)
        chunks = list(read_chunks(path))
    assert [line for chunk in chunks for line in chunk.lines] == lines
    number = 1
    for chunk in chunks:
        assert chunk.first_line_number == number
        number += len(chunk.lines)


@pytest.mark.parametrize(
    "entries",
    [
        {"fra.txt": TEXT},
        {"fra-eng/fra.txt": TEXT, "__MACOSX/._fra.txt": b"x", "__MACOSX/fra.txt": b"x"},
        {"fra-eng/": b"", "fra-eng/_about.txt": b"about", "fra-eng/fra.tsv": TEXT, "a.pdf": b"x"},
    ],
)
def test_the_text_of_a_zip(tmp_path: Path, entries: dict[str, bytes]) -> None:
    expected = TEXT.decode().splitlines()
    assert read_lines(zip_file(tmp_path, entries)) == expected
    assert read_lines(text_file(tmp_path, TEXT, "CORPUS.TSV")) == expected


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("c.txt", b"", "is empty"),
        ("c.zip", b"", "is empty"),
        ("c.txt", "a\tb\n".encode("utf-16"), "UTF-16"),
        ("c.txt", "a\tb\n".encode("utf-16-le"), "binary"),
        ("c.pdf", TEXT, ".txt, .tsv or .zip"),
        ("c", TEXT, ".txt, .tsv or .zip"),
        ("c.zip", TEXT, "damaged"),
        ("c.txt", TEXT + b"x" * 2**16 + b"x\n" + TEXT, "64 KiB"),
    ],
)
def test_invalid_files(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = text_file(tmp_path, content, name)
    with pytest.raises(UserError, match=words):
        read_lines(path)


def test_a_text_above_the_size_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_TEXT_BYTES", len(TEXT) - 1)
    for path in (text_file(tmp_path, TEXT), zip_file(tmp_path, {"fra.txt": TEXT})):
        with pytest.raises(UserError):
            read_lines(path)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({}, "none"),
        ({"_about.txt": TEXT, "fra.csv": TEXT}, "none"),
        ({"fra.txt": TEXT, "deu.txt": TEXT}, "'fra.txt', 'deu.txt'"),
        ({"../fra.txt": TEXT}, "outside"),
        ({"fra.txt": TEXT, "..\\b": b""}, "outside"),
        ({"/fra.txt": TEXT}, "outside"),
        ({"C:\\fra.txt": TEXT}, "outside"),
        ({"fra.txt": bytes(2**20)}, "unpack to 1 MB"),
        ({f"{n}.pdf": b"" for n in range(1000)} | {"fra.txt": TEXT}, "1,000 files"),
    ],
)
def test_zips_that_are_not_opened(tmp_path: Path, entries: dict[str, bytes], words: str) -> None:
    path = zip_file(tmp_path, entries)
    with pytest.raises(UserError, match=words):
        read_lines(path)


def test_zips_that_declare_wrong_sizes(tmp_path: Path) -> None:
    path = zip_file(tmp_path, {"fra.txt": b"a\tb\n" * 2**18})
    change_directory(path, {24: (400).to_bytes(4, "little")})
    with pytest.raises(UserError, match="damaged"):
        read_lines(path)
    path = zip_file(tmp_path, {"fra.txt": bytes(100 * 2**20)})
    change_directory(path, {20: (95 * 2**20).to_bytes(4, "little")})
    with pytest.raises(UserError, match="unpack to 105 MB"):
        read_lines(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("name", ["fra.txt", "_about.txt"])
def test_a_zip_bomb_in_a_rare_format_is_not_unpacked(
    tmp_path: Path, method: int, name: str
) -> None:
    """25 MB in a few kB, declared as 1,000 bytes: zipfile would unpack all of it to memory."""
    path = zip_file(tmp_path, {name: bytes(25 * 10**6)}, method)
    change_directory(path, {24: (1000).to_bytes(4, "little")})
    for read in (read_lines, comes_from_tatoeba):
        tracemalloc.start()
        with pytest.raises(UserError, match="damaged"):
            read(path)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < 10 * 10**6


def test_more_entries_than_the_zip_declares(tmp_path: Path) -> None:
    path = zip_file(tmp_path, {f"{n}": b"" for n in range(5_000)} | {"fra.txt": TEXT})
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\5\6")
    content[end + 8 : end + 12] = (1).to_bytes(2, "little") * 2
    path.write_bytes(content)
    tracemalloc.start()
    for read in (read_lines, comes_from_tatoeba):
        with pytest.raises(UserError, match="1,000 files"):
            read(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 10**6


def test_an_encrypted_zip(tmp_path: Path) -> None:
    path = zip_file(tmp_path, {"fra.txt": TEXT})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    path.write_bytes(content)
    change_directory(path, {8: b"\1"})
    with pytest.raises(UserError, match="encrypted"):
        read_lines(path)


@given(
    st.text()
    | st.text(st.sampled_from("./\\:\0 aCON-_*?\u2024\uff0e\u2215\u202e~"))
    | st.builds("{}{}".format, st.text(max_size=5), st.sampled_from([".TXT", ".tsv", ".zip"]))
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
        ("x.tsv/../../y", "y.txt"),
    ],
)
def test_names_of_uploads(uploaded: str, name: str) -> None:
    assert safe_name(uploaded) == name


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for read in (read_lines, comes_from_tatoeba, content_sha256):
        with pytest.raises(UserError, match=r"gone\.txt"):
            read(tmp_path / "gone.txt")


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
    text = text_file(tmp_path, entries["fra.txt"])
    assert comes_from_tatoeba(text) is (b"tatoeba" in entries["fra.txt"])


def test_the_real_files(test_data: Path) -> None:
    assert comes_from_tatoeba(test_data / "fra-eng.zip")
    assert comes_from_tatoeba(test_data / "fra-3col-sample.txt")
    lines = read_lines(test_data / "fra-eng.zip")
    assert len(lines) == 167_130
    assert lines[0] == "Go.\tVa !"
