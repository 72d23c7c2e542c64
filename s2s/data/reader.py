"""Corpus files: the lines of a tab-separated text or of the one text in a zip, in chunks."""

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
"""Text packs to about a quarter; far more is made to fill a disk or a memory."""
_ENTRY_SIGNATURE = b"PK\1\2"
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The others zipfile unpacks in pieces without a limit, whatever the sizes in the zip say."""
_CHUNK_BYTES = 2**20
_MAX_LINE_BYTES = 2**16
_SUFFIXES = (".txt", ".tsv")
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    ValueError,
)
"""What zipfile raises, beside OSError, where bytes are no sound zip."""


@dataclass(frozen=True)
class Chunk:
    """Some successive lines, without their line ends."""

    first_line_number: int
    lines: list[str]


def safe_name(uploaded: str) -> str:
    """A file name for an upload: of the uploaded one only harmless characters are kept."""
    path = Path(uploaded)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-_")[:64]
    suffix = path.suffix.lower()
    return (stem or "upload") + (suffix if suffix in (*_SUFFIXES, ".zip") else ".txt")


def content_sha256(path: Path) -> str:
    """Of the file's bytes, in hexadecimal."""
    with _errors_named(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_chunks(path: Path) -> Iterator[Chunk]:
    """The lines of a `.txt`, `.tsv` or `.zip` file, about 1 MiB of them at a time.

    UTF-8 with or without a byte order mark, whatever the locale; a byte that is not UTF-8
    becomes U+FFFD. Raises UserError for what is no text, or a zip that is not safe to open.
    """
    with _open_text(path) as file:
        number = 1
        for block in _whole_lines(file, path.name):
            if number == 1:
                _check_text(block, path.name)
                block = block.removeprefix(b"\xef\xbb\xbf")
            lines = block.decode("utf-8", errors="replace").split("\n")
            if lines[-1] == "":
                lines.pop()
            if b"\r" in block:
                lines = [line.removesuffix("\r") for line in lines]
            yield Chunk(number, lines)
            number += len(lines)


def comes_from_tatoeba(path: Path) -> bool:
    """Whether the file says so: in its first lines, or in a zip's `_about.txt`."""
    if path.suffix.lower() == ".zip":
        with _errors_named(path), opened_zip(path) as archive:
            for entry in archive.infolist():
                if PurePosixPath(entry.filename).name == "_about.txt":
                    with archive.open(entry) as about:
                        if b"tatoeba" in about.read(65536).lower():
                            return True
    with _open_text(path) as file:
        return b"tatoeba" in file.read(65536).lower()


def _whole_lines(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Blocks that end with a line break, but for the last."""
    rest = b""
    read = 0
    while block := file.read(_CHUNK_BYTES):
        read += len(block)
        if read > MAX_TEXT_BYTES:
            raise UserError(f"{name} holds more than {MAX_TEXT_BYTES >> 30} GiB of text.")
        text = rest + block
        end = text.rfind(b"\n") + 1
        whole, rest = text[:end], text[end:]
        if max(map(len, (*whole.split(b"\n"), rest))) > _MAX_LINE_BYTES:
            raise UserError(
                f"{name} has a line of over {_MAX_LINE_BYTES >> 10} KiB; it is not a list of "
                "sentences."
            )
        if whole:
            yield whole
    if rest:
        yield rest


def _check_text(start: bytes, name: str) -> None:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(f"{name} is UTF-16; save it as UTF-8 and add it again.")
    if b"\0" in start:
        raise UserError(f"{name} is a binary file; a corpus is a text of tab-separated lines.")


@contextmanager
def _open_text(path: Path) -> Iterator[IO[bytes]]:
    with _errors_named(path):
        if path.stat().st_size == 0:
            raise UserError(f"{path.name} is empty; a corpus is a text of tab-separated lines.")
        if path.suffix.lower() in _SUFFIXES:
            with path.open("rb") as file:
                yield file
        elif path.suffix.lower() == ".zip":
            with opened_zip(path) as archive:
                text = _text_entry(archive, path.stat().st_size)
                with archive.open(text) as file:
                    yield file
        else:
            raise UserError(f"{path.name} is not a corpus file; give a .txt, .tsv or .zip.")


@contextmanager
def _errors_named(path: Path) -> Iterator[None]:
    try:
        yield
    except ZIP_ERRORS as error:
        raise UserError(
            f"{path.name} is a damaged or unusual zip; unpack it and add the text in it."
        ) from error
    except RuntimeError as error:  # zipfile's way to say so
        raise UserError(
            f"{path.name} is encrypted; unpack it with its password and add the text in it."
        ) from error
    except OSError as error:
        raise UserError(f"{path.name} cannot be read ({error.strerror or error}).") from error


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Raises UserError for too many entries, NotImplementedError for an unusual packing."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        # Before zipfile makes an object of each entry; how many there are the zip says as it likes.
        found = -1
        for _ in range(MAX_ZIP_ENTRIES + 1):
            found = content.find(_ENTRY_SIGNATURE, found + 1)
            if found < 0:
                break
        else:
            raise UserError(
                f"{path.name} holds more than {MAX_ZIP_ENTRIES:,} files; a corpus zip holds one "
                "text."
            )
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type not in _PACKINGS for entry in archive.infolist()):
            raise NotImplementedError
        yield archive


def _text_entry(archive: zipfile.ZipFile, size_bytes: int) -> zipfile.ZipInfo:
    """The one corpus text of a zip of that size. Nothing is unpacked to a path that it names."""
    name = Path(archive.filename or "the zip").name
    entries = archive.infolist()
    for entry in entries:
        parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
        if ".." in parts or (parts and (parts[0] == "/" or parts[0].endswith(":"))):
            raise UserError(f"{name} names a path outside its own folder; it is not opened.")
    texts = [entry for entry in entries if _is_corpus_text(PurePosixPath(entry.filename))]
    if len(texts) != 1:
        found = ", ".join(quote(entry.filename) for entry in texts[:3]) or "none"
        raise UserError(f"{name} has to hold one .txt or .tsv corpus; found {found}.")
    text = texts[0]
    # zipfile unpacks no more than `file_size`; what it is packed to is the zip's word only.
    ratio = text.file_size / max(min(text.compress_size, size_bytes), 1)
    if text.file_size > MAX_TEXT_BYTES or ratio > MAX_ZIP_RATIO:
        raise UserError(
            f"{name} would unpack to {text.file_size / 1e6:,.0f} MB, {ratio:,.0f} times its size; "
            "that is no text, so it is not opened."
        )
    return text


def _is_corpus_text(path: PurePosixPath) -> bool:
    return (
        path.suffix.lower() in _SUFFIXES
        and not path.name.startswith(("_", "."))
        and "__MACOSX" not in path.parts
    )
