"""Corpus files: read the lines of a tab-separated text, or of a zip with one text, in chunks."""

import hashlib
import mmap
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from s2s.errors import UserError, quote

MAX_TEXT_BYTES = 2**30
MAX_ZIP_ENTRIES = 1000
MAX_ZIP_RATIO = 100
"""Most bytes of text per byte of zip. Usual text has about 4; hundreds indicate a zip bomb."""
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Accepted compressions. With any other, zipfile ignores the declared sizes."""
_CHUNK_BYTES = 2**20
_MAX_LINE_BYTES = 2**16
_SUFFIXES = (".txt", ".tsv")
_FORMAT = "A corpus is a text of tab-separated lines."
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
"""Errors that zipfile raises for damaged, encrypted and unsupported zips, apart from OSError."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive lines, without their line breaks."""

    first_line_number: int
    lines: list[str]


def make_safe_name(uploaded_name: str) -> str:
    """Return a file name of harmless characters for an uploaded file."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(uploaded_name).stem).strip("-_")[:64]
    suffix = Path(uploaded_name).suffix.lower()
    return (stem or "upload") + (suffix if suffix in (*_SUFFIXES, ".zip") else ".txt")


def hash_content(path: Path) -> str:
    """Return the SHA-256 of the file in hexadecimal."""
    with _convert_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_chunks(path: Path) -> Iterator[Chunk]:
    """Yield the lines of a `.txt`, `.tsv` or `.zip` file, about 1 MiB at a time.

    The text is read as UTF-8, with or without a byte order mark. Invalid bytes become U+FFFD.

    Raises:
        UserError: The file is not a text file, or it is a damaged or unsafe zip.
    """
    with _open_text(path) as file:
        number = 1
        for block in _read_whole_lines(file, path.name):
            if number == 1:
                if block.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise UserError(f"{path.name} is UTF-16. Save it as UTF-8 and add it again.")
                if b"\0" in block:
                    raise UserError(f"{path.name} is a binary file. {_FORMAT}")
                block = block.removeprefix(b"\xef\xbb\xbf")
            lines = block.decode("utf-8", errors="replace").split("\n")
            if lines[-1] == "":
                lines.pop()
            if b"\r" in block:
                lines = [line.removesuffix("\r") for line in lines]
            yield Chunk(number, lines)
            number += len(lines)


def is_from_tatoeba(path: Path) -> bool:
    """Return whether the first 64 KiB of the text, or of a zip's `_about.txt`, mention Tatoeba."""
    if path.suffix.lower() == ".zip":
        with _convert_errors(path), open_zip(path) as archive:
            for entry in archive.infolist():
                is_about = PurePosixPath(entry.filename).name == "_about.txt"
                if is_about and _mentions_tatoeba(archive.open(entry)):
                    return True
    with _open_text(path) as file:
        return _mentions_tatoeba(file)


def _mentions_tatoeba(file: IO[bytes]) -> bool:
    return b"tatoeba" in file.read(65536).lower()


def _read_whole_lines(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield blocks of whole lines. The last line may lack its line break."""
    rest, size = b"", 0
    while block := file.read(_CHUNK_BYTES):
        size += len(block)
        if size > MAX_TEXT_BYTES:
            raise UserError(
                f"{name} is larger than the limit of {MAX_TEXT_BYTES >> 30} GiB of text."
            )
        text = rest + block
        end = text.rfind(b"\n") + 1
        whole, rest = text[:end], text[end:]
        if max(map(len, (*whole.split(b"\n"), rest))) > _MAX_LINE_BYTES:
            raise UserError(
                f"{name} has a line longer than {_MAX_LINE_BYTES >> 10} KiB. A corpus has one "
                "sentence pair per line."
            )
        if whole:
            yield whole
    if rest:
        yield rest


@contextmanager
def _open_text(path: Path) -> Iterator[IO[bytes]]:
    with _convert_errors(path):
        size = path.stat().st_size
        if size == 0:
            raise UserError(f"{path.name} is empty. {_FORMAT}")
        if path.suffix.lower() in _SUFFIXES:
            with path.open("rb") as file:
                yield file
        elif path.suffix.lower() == ".zip":
            with open_zip(path) as archive, archive.open(_find_text(archive, size)) as file:
                yield file
        else:
            raise UserError(f"{path.name} is not a corpus file. Use a .txt, .tsv or .zip file.")


@contextmanager
def _convert_errors(path: Path) -> Iterator[None]:
    """Convert errors of reading the file to UserError."""
    try:
        yield
    except ZIP_ERRORS as error:
        raise UserError(
            f"{path.name} is a damaged, encrypted or unsupported zip. Unpack it and add the text "
            "file."
        ) from error
    except OSError as error:
        raise UserError(f"{path.name} cannot be read ({error.strerror or error}).") from error


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip.

    Raises:
        UserError: It contains too many files.
        NotImplementedError: It uses a compression that is not accepted.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        # zipfile creates an object per entry, so count the entries first. Count their signatures,
        # because the number that the zip declares may be wrong.
        if sum(1 for _ in re.finditer(b"PK\1\2", content)) > MAX_ZIP_ENTRIES:
            raise UserError(
                f"{path.name} contains more than {MAX_ZIP_ENTRIES:,} files. A corpus zip must "
                "contain one text file."
            )
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type not in _COMPRESSIONS for entry in archive.infolist()):
            raise NotImplementedError
        yield archive


def _find_text(archive: zipfile.ZipFile, size_bytes: int) -> zipfile.ZipInfo:
    """Return the only corpus text of a zip. Raise UserError if its paths or sizes are unsafe."""
    name = Path(archive.filename or "the zip").name
    texts = []
    for entry in archive.infolist():
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if ".." in path.parts or path.is_absolute() or entry.filename[1:2] == ":":
            raise UserError(f"{name} contains a path outside its own folder and is not opened.")
        is_hidden = path.name.startswith(("_", ".")) or "__MACOSX" in path.parts
        if path.suffix.lower() in _SUFFIXES and not is_hidden:
            texts.append(entry)
    if len(texts) != 1:
        names = ", ".join(quote(entry.filename) for entry in texts[:3]) or "none"
        raise UserError(f"{name} must contain exactly one .txt or .tsv file; found {names}.")
    text = texts[0]
    # zipfile unpacks no more than `file_size`, so it can be trusted. `compress_size` may be
    # overstated, so it is capped at the size of the zip file.
    ratio = text.file_size / max(min(text.compress_size, size_bytes), 1)
    if text.file_size > MAX_TEXT_BYTES or ratio > MAX_ZIP_RATIO:
        raise UserError(
            f"{name} would unpack to {text.file_size / 1e6:,.0f} MB, {ratio:,.0f} times its size. "
            f"The limits are {MAX_TEXT_BYTES / 1e6:,.0f} MB and {MAX_ZIP_RATIO} times."
        )
    return text
