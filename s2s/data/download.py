"""Download a named pair from manythings.org, resuming a partial file."""

import json
import os
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from filelock import FileLock, Timeout
from urllib3.exceptions import HTTPError

from s2s.data.reader import MAX_ZIP_RATIO, ZIP_ERRORS, open_zip
from s2s.errors import UserError
from s2s.paths import make_folder

MAX_BYTES = 300_000_000
_HEADERS = {
    # The site answers 406 to Python's default user agents.
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    # A range of a compressed transfer could not be appended to the partial file.
    "Accept-Encoding": "identity",
}
_CONNECT_SECONDS, _READ_SECONDS = 10.0, 30.0
_TOTAL_SECONDS = 1800.0
_PAUSES_SECONDS = (0.5, 1.0, 2.0)
"""Before the second, third and fourth attempt of one call."""
_ALTERNATIVE = "Download it with a browser and add the file by its path."


class _InterruptedError(Exception):
    """The transfer was interrupted; another attempt may succeed."""


@dataclass(frozen=True)
class _Transfer:
    name: str
    url: str
    site: str
    """Name of the site in messages; the URL may contain a password."""
    partial: Path
    """The bytes of the file that have arrived."""
    notes: Path
    """JSON with the file's validator (ETag or date) and length; missing if it cannot be resumed."""
    deadline: float
    progress: Callable[[str, float | None], object]


def download(name: str, folder: Path, progress: Callable[[str, float | None], object]) -> Path:
    """Download the zip of a named pair such as `fra-eng`, unless it is in `folder` already.

    The environment variable S2S_CORPORA_URL replaces the address of manythings.org.

    Args:
        folder: Folder of the zip. A partial file stays in it, and the next call resumes it.
        progress: Called with a description and the fraction done, None if the length is unknown.

    Returns:
        Path of the zip, whose checksums are correct.

    Raises:
        UserError: The zip cannot be downloaded, checked or written.
    """
    target = folder / f"{name}.zip"
    if zipfile.is_zipfile(target):
        return target
    base = os.environ.get("S2S_CORPORA_URL", "").rstrip("/")
    transfer = _Transfer(
        name=name,
        url=f"{base or 'http://www.manythings.org/anki'}/{name}.zip",
        site="S2S_CORPORA_URL" if base else "manythings.org",
        partial=folder / f"{name}.zip.part",
        notes=folder / f"{name}.zip.part.json",
        deadline=time.monotonic() + _TOTAL_SECONDS,
        progress=progress,
    )
    try:
        make_folder(folder)
        with FileLock(folder / f"{name}.lock", timeout=0):
            _receive_all(transfer)
            _check_zip(transfer)
            transfer.partial.replace(target)
            _discard(transfer)
    except Timeout as error:
        raise UserError(f"{name} is already being downloaded. Wait until it is done.") from error
    except OSError as error:
        raise UserError(
            f"{name} could not be written to {folder} ({error.strerror or error}). "
            "Make room there, or set S2S_HOME to another folder."
        ) from error
    return target


def _receive_all(transfer: _Transfer) -> None:
    for pause in (*_PAUSES_SECONDS, None):
        try:
            _receive(transfer)
            break
        # requests raises ValueError for some invalid addresses.
        except (_InterruptedError, requests.RequestException, HTTPError, ValueError) as error:
            if pause is not None:
                time.sleep(pause)
            elif transfer.partial.exists() and transfer.partial.stat().st_size:
                advice = _explain_next_attempt(transfer)
                raise UserError(
                    f"The download of {transfer.name} was interrupted. {advice}"
                ) from error
            else:
                raise UserError(
                    f"{transfer.site} cannot be reached. Check the network, or use the starter "
                    f"corpus, which needs none. {_ALTERNATIVE}"
                ) from error


def _receive(transfer: _Transfer) -> None:
    """Request the whole file, or the rest of a partial file."""
    notes = _read_notes(transfer)
    done = transfer.partial.stat().st_size if notes else 0
    headers = dict(_HEADERS)
    if notes:
        headers |= {"Range": f"bytes={done}-", "If-Range": notes["validator"]}
    timeouts = (_CONNECT_SECONDS, _READ_SECONDS)
    with requests.get(transfer.url, headers=headers, stream=True, timeout=timeouts) as response:
        if notes and response.status_code in (206, 416):
            if not _is_rest_of_file(response, notes, done):
                _discard(transfer)
                raise _InterruptedError(f"{response.status_code} does not resume at byte {done}")
            total = notes["length"]
        else:
            status = response.status_code
            if status == 404:
                raise UserError(
                    f"{transfer.name} not found at {transfer.site} (404). Choose another pair."
                )
            if status != 200:
                raise UserError(
                    f"{transfer.site} answered {status}. Try again later. {_ALTERNATIVE}"
                )
            done, total = 0, response.raw.length_remaining
            _check_size(total or 0, transfer)
            _discard(transfer)
            transfer.partial.touch()
            if total is not None and (validator := _read_validator(response)):
                new_notes = json.dumps({"validator": validator, "length": total})
                transfer.notes.write_text(new_notes, encoding="utf-8")
        _append(response, transfer, done, total)
    if total is not None and transfer.partial.stat().st_size != total:
        raise _InterruptedError(f"the file does not have {total} bytes")


def _append(response: requests.Response, transfer: _Transfer, done: int, total: int | None) -> None:
    last = ""
    with transfer.partial.open("ab", buffering=0) as file:
        # Unlike iter_content, read1 does not wait for a full block, so the deadline is checked.
        while block := response.raw.read1(65536, decode_content=False):
            file.write(block)
            done += len(block)
            _check_size(done, transfer)
            if time.monotonic() > transfer.deadline:
                raise UserError(
                    f"The download of {transfer.name} took more than {_TOTAL_SECONDS / 60:.0f} "
                    f"minutes. {_explain_next_attempt(transfer)}"
                )
            text = f"Downloading {transfer.name}: {done / 1e6:.1f} MB"
            if text != last:
                transfer.progress(text, done / total if total else None)
                last = text


def _read_notes(transfer: _Transfer) -> dict[str, Any]:
    """Return the notes on the partial file; empty if it cannot be resumed."""
    try:
        notes = json.loads(transfer.notes.read_text(encoding="utf-8"))
        usable = {"validator", "length"} <= set(notes) and transfer.partial.stat().st_size > 0
    except (FileNotFoundError, ValueError, TypeError):
        return {}
    return notes if usable else {}


def _discard(transfer: _Transfer) -> None:
    transfer.partial.unlink(missing_ok=True)
    transfer.notes.unlink(missing_ok=True)


def _read_validator(response: requests.Response) -> str:
    """Return the ETag or date of the file's version; If-Range does not accept a weak ETag."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _is_rest_of_file(response: requests.Response, notes: dict[str, Any], done: int) -> bool:
    """Return whether the answer resumes the same file; some servers ignore If-Range."""
    rest = f"bytes {done}-{notes['length'] - 1}/{notes['length']}"
    return (
        response.status_code == 206
        and response.headers.get("Content-Range") == rest
        and _read_validator(response) in ("", notes["validator"])
    )


def _check_size(size: int, transfer: _Transfer) -> None:
    if size > MAX_BYTES:
        _discard(transfer)
        raise UserError(
            f"{transfer.name} is larger than the limit of {MAX_BYTES / 1e6:,.0f} MB per download. "
            f"{_ALTERNATIVE}"
        )


def _check_zip(transfer: _Transfer) -> None:
    """Check every byte: a partial file may have been continued with wrong bytes."""
    try:
        with open_zip(transfer.partial) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            # The size first: unpacking a zip bomb takes hours.
            plausible = unpacked <= MAX_ZIP_RATIO * transfer.partial.stat().st_size
            if plausible and not archive.testzip():
                return
    except (*ZIP_ERRORS, UserError, RuntimeError, OSError):
        pass
    _discard(transfer)
    raise UserError(
        f"{transfer.site} did not send a valid zip file. Try again later. {_ALTERNATIVE}"
    )


def _explain_next_attempt(transfer: _Transfer) -> str:
    megabytes = transfer.partial.stat().st_size / 1e6
    action = f"resume at {megabytes:.1f} MB" if _read_notes(transfer) else "start over"
    return f"Add {transfer.name} again to {action}."
