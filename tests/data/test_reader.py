"""Lines of corpus files, valid and invalid."""

import re
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.data import reader
from s2s.data.reader import is_from_tatoeba, make_safe_name, read_chunks
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


def overwrite(path: Path, mark: bytes, offset: int, value: bytes) -> None:
    """Overwrite bytes of the zip's last header with that mark."""
    content = bytearray(path.read_bytes())
    start = content.rindex(mark) + offset
    content[start : start + len(value)] = value
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"a\tb\nc\td", ["a\tb", "c\td"]),
        (b"\xef\xbb\xbfa\tb\r\nc\td\r\n", ["a\tb", "c\td"]),
        # Only a line feed ends a line.
        ("a\u2028a\x85a\x0ca\ra\tb\n\n\tc\n".encode(), ["a\u2028a\x85a\x0ca\ra\tb", "", "\tc"]),
        (b"\xe9t\xe9\tsummer\nd\xc3\n", ["\ufffdt\ufffd\tsummer", "d\ufffd"]),
    ],
)
def test_lines(tmp_path: Path, content: bytes, lines: list[str]) -> None:
    assert read_lines(text_file(tmp_path, content)) == lines


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
    assert read_lines(zip_file(tmp_path, entries)) == TEXT.decode().splitlines()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("c.txt", b"", "is empty"),
        ("c.zip", b"", "is empty"),
        ("c.txt", "a\tb\n".encode("utf-16"), "UTF-16"),
        ("c.txt", "a\tb\n".encode("utf-16-le"), "binary"),
        ("c.pdf", TEXT, ".txt, .tsv or .zip"),
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
        ({"_about.txt": TEXT, "fra.csv": TEXT}, "none"),
        ({"fra.txt": TEXT, "deu.txt": TEXT}, "'fra.txt', 'deu.txt'"),
        *(({"fra.txt": TEXT, name: b""}, "outside") for name in ("../a", "..\\b", "/c", "C:\\d")),
        ({"fra.txt": bytes(2**20)}, "unpack to 1 MB"),
        ({f"{n}.pdf": b"" for n in range(1000)} | {"fra.txt": TEXT}, "1,000 files"),
    ],
)
def test_zips_that_are_not_opened(tmp_path: Path, entries: dict[str, bytes], words: str) -> None:
    path = zip_file(tmp_path, entries)
    with pytest.raises(UserError, match=words):
        read_lines(path)


def test_zips_with_wrong_headers(tmp_path: Path) -> None:
    path = zip_file(tmp_path, {"fra.txt": b"a\tb\n" * 2**18})
    overwrite(path, b"PK\1\2", 24, (400).to_bytes(4, "little"))  # its size
    with pytest.raises(UserError, match="damaged"):
        read_lines(path)
    path = zip_file(tmp_path, {"fra.txt": bytes(30 * 2**20)})
    overwrite(path, b"PK\1\2", 20, (29 * 2**20).to_bytes(4, "little"))  # its compressed size
    with pytest.raises(UserError, match="unpack to 31 MB"):
        read_lines(path)
    path = zip_file(tmp_path, {"fra.txt": TEXT})
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # the flag of encryption
        overwrite(path, mark, offset, b"\1")
    with pytest.raises(UserError, match="damaged, encrypted"):
        read_lines(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("name", ["fra.txt", "_about.txt"])
def test_a_zip_bomb_in_a_rare_format_is_not_unpacked(
    tmp_path: Path, method: int, name: str
) -> None:
    """25 MB in a few kB, declared as 1,000 bytes: zipfile would unpack all of it to memory."""
    path = zip_file(tmp_path, {name: bytes(25 * 10**6)}, method)
    overwrite(path, b"PK\1\2", 24, (1000).to_bytes(4, "little"))
    assert_rejected_with_little_memory(path, 10**7, "damaged")


def assert_rejected_with_little_memory(path: Path, max_bytes: int, words: str) -> None:
    tracemalloc.start()
    for read in (read_lines, is_from_tatoeba):
        with pytest.raises(UserError, match=words):
            read(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < max_bytes


@given(
    st.text()
    | st.text(st.sampled_from("./\\:\0 aCON-_*?\u2024\uff0e\u2215\u202e~"))
    | st.builds("{}{}".format, st.text(max_size=5), st.sampled_from([".TXT", ".tsv", ".zip"]))
)
def test_a_safe_name_is_one_plain_name(uploaded: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}\.(txt|tsv|zip)", make_safe_name(uploaded))


def test_names_of_uploads() -> None:
    names = {
        "fra.tsv": "fra.tsv", "../../x.tsv": "x.tsv", "C:\\x": "C-x.txt", "a\0b.zip": "a-b.zip",
        ".s2s": "s2s.txt", "..": "upload.txt", "x.tsv/../../y": "y.txt",
    }  # fmt: skip
    assert {uploaded: make_safe_name(uploaded) for uploaded in names} == names


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
    assert is_from_tatoeba(zip_file(tmp_path, entries)) is expected
    text = text_file(tmp_path, entries["fra.txt"])
    assert is_from_tatoeba(text) is (b"tatoeba" in entries["fra.txt"])


def test_the_real_files(test_data: Path) -> None:
    assert is_from_tatoeba(test_data / "fra-3col-sample.txt")
    lines = read_lines(test_data / "fra-eng.zip")
    assert len(lines) == 167_130
    assert lines[0] == "Go.\tVa !"
