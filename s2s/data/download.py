"""Fetching a named pair from manythings.org, going on where a broken transfer stopped."""

import json
import os
import re
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import requests
from filelock import FileLock, Timeout
from urllib3.exceptions import HTTPError

from s2s.config import UserError
from s2s.data.corpus_file import MAX_ZIP_RATIO, ZIP_ERRORS, opened_zip
from s2s.data.web import Web
from s2s.home import make_folder

MAX_BYTES = 300_000_000
_BASE_URL = "http://www.manythings.org/anki"
_HEADERS = {
    # The site answers 406 to what calls itself a Python client.
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    # A range of a packed transfer could not be joined to what is there.
    "Accept-Encoding": "identity",
}
_CONNECT_SECONDS = 10.0
_READ_SECONDS = 30.0
_TOTAL_SECONDS = 1800.0
_PAUSES_SECONDS = (0.5, 1.0, 2.0)
"""Before the second, third and fourth attempt of one call."""
_OTHERWISE = "download it with a browser and add the file by its path"


class _BrokenError(Exception):
    """The transfer ended early; another attempt may do better."""


@dataclass(frozen=True)
class _Transfer:
    name: str
    url: str
    part: Path
    """Beginning of the file, as far as it has arrived."""
    notes: Path
    """Of which version of the file `part` is the beginning; absent: it cannot be continued."""
    progress: Callable[[str, float | None], object]
    web: Web

    @property
    def shown(self) -> str:
        """The site, without what may be a password or token; or the setting that names it."""
        plain = re.fullmatch(r"(https?://)([^/?#@]*@)*([\w.-]+(:\d+)?)([/?#][^@]*)?", self.url)
        return plain[1] + plain[3] if plain else "S2S_CORPORA_URL"

    @property
    def arrived(self) -> int:
        """Bytes of `part`."""
        return self.part.stat().st_size if self.part.exists() else 0

    @property
    def identity(self) -> str:
        """What tells the address from another, and not what it is."""
        return sha256(self.url.encode()).hexdigest()


def download(name: str, folder: Path, progress: Callable[[str, float | None], object]) -> Path:
    """Fetches the zip of a named pair such as `fra-eng` into `folder`; returns its path.

    A zip that is there already is used as it is. `S2S_CORPORA_URL` names another place to fetch
    from. Raises UserError, in one sentence; what had arrived is kept where the next call can go
    on from it.
    """
    target = folder / f"{name}.zip"
    if zipfile.is_zipfile(target):
        return target
    try:
        make_folder(folder)
        with FileLock(folder / f"{name}.lock", timeout=0), Web(_TOTAL_SECONDS) as web:
            transfer = _Transfer(
                name,
                f"{os.environ.get('S2S_CORPORA_URL', _BASE_URL).rstrip('/')}/{name}.zip",
                folder / f"{name}.zip.part",
                folder / f"{name}.zip.part.json",
                progress,
                web,
            )
            _receive_all(transfer)
            _check_zip(transfer)
            transfer.part.replace(target)
            _discard(transfer)
    except Timeout as error:
        raise UserError(f"{name} is being downloaded already; wait until that is done.") from error
    except OSError as error:
        raise UserError(
            f"{name} could not be written to {folder} ({error.strerror or error}); "
            "make room there, or set S2S_HOME to another folder."
        ) from error
    return target


def _receive_all(transfer: _Transfer) -> None:
    for pause in (*_PAUSES_SECONDS, None):
        try:
            _receive(transfer)
            break
        except (_BrokenError, requests.RequestException, HTTPError) as error:
            _check_time(transfer)
            if pause is None:
                raise _gave_up(transfer) from error
            time.sleep(pause)


def _receive(transfer: _Transfer) -> None:
    """One request, for all of the file or for what `part` lacks of it."""
    known = _known(transfer)
    done = transfer.part.stat().st_size if known else 0
    headers = dict(_HEADERS)
    if known:
        headers |= {"Range": f"bytes={done}-", "If-Range": known["validator"]}
    with transfer.web.ask(transfer.url, headers, (_CONNECT_SECONDS, _READ_SECONDS)) as response:
        if known and response.status_code in (206, 416):
            if not _continues(response, known, done):
                _discard(transfer)
                raise _BrokenError(f"{response.status_code} does not go on at byte {done}")
            total = known["length"]
        else:
            _check_status(response, transfer)
            done, total = 0, response.raw.length_remaining
            _check_size(total or 0, transfer)
            _start(transfer, response, total)
        _append(response, transfer, done, total)
    if total is not None and transfer.part.stat().st_size != total:
        raise _BrokenError(f"not {total} bytes in all")


def _append(response: requests.Response, transfer: _Transfer, done: int, total: int | None) -> None:
    said = ""
    with transfer.part.open("ab", buffering=0) as file:
        # Not iter_content: it waits for a full block, for hours where bytes drip.
        while block := response.raw.read1(65536, decode_content=False):
            file.write(block)
            done += len(block)
            _check_size(done, transfer)
            _check_time(transfer)
            doing = f"Downloading {transfer.name}: {done / 1e6:.1f} MB"
            if doing != said:
                transfer.progress(doing, done / total if total else None)
                said = doing
    if total is None:
        _check_time(transfer)  # it may have cut the body off


def _known(transfer: _Transfer) -> dict[str, Any]:
    """The notes on `part`; empty where it cannot be continued."""
    try:
        notes: dict[str, Any] = json.loads(transfer.notes.read_text(encoding="utf-8"))
        usable = notes["address"] == transfer.identity and transfer.part.stat().st_size > 0
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return {}
    return notes if usable else {}


def _start(transfer: _Transfer, response: requests.Response, total: int | None) -> None:
    """An empty `part`, with notes where the answer allows to continue it later."""
    _discard(transfer)
    transfer.part.touch()
    validator = _validator(response)
    if validator and total is not None:
        notes = {"address": transfer.identity, "validator": validator, "length": total}
        transfer.notes.write_text(json.dumps(notes), encoding="utf-8")


def _discard(transfer: _Transfer) -> None:
    transfer.part.unlink(missing_ok=True)
    transfer.notes.unlink(missing_ok=True)


def _validator(response: requests.Response) -> str:
    """What tells one version of the file from another; If-Range takes no weak ETag."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _continues(response: requests.Response, known: dict[str, Any], done: int) -> bool:
    """Whether the answer is the missing rest of the same file; some servers ignore If-Range."""
    rest = f"bytes {done}-{known['length'] - 1}/{known['length']}"
    return (
        response.status_code == 206
        and response.headers.get("Content-Range") == rest
        and _validator(response) in ("", known["validator"])
    )


def _check_status(response: requests.Response, transfer: _Transfer) -> None:
    status = response.status_code
    if status == 404:
        raise UserError(
            f"There is no {transfer.name} at {transfer.shown} (404); choose another named pair."
        )
    if status == 406:
        raise UserError(f"{transfer.shown} refuses programs like this one (406); {_OTHERWISE}.")
    if status != 200:
        raise UserError(f"{transfer.shown} answered {status}; try again later, or {_OTHERWISE}.")


def _check_size(size: int, transfer: _Transfer) -> None:
    if size > MAX_BYTES:
        _discard(transfer)
        raise UserError(
            f"{transfer.shown} is larger than the {MAX_BYTES / 1e6:,.0f} MB that are downloaded at "
            f"most; {_OTHERWISE}."
        )


def _check_time(transfer: _Transfer) -> None:
    if transfer.web.is_over:
        raise UserError(
            f"The download of {transfer.name} was ended after {_TOTAL_SECONDS / 60:.0f} minutes, "
            f"at {transfer.arrived / 1e6:.1f} MB; {_next_time(transfer)}."
        )


def _check_zip(transfer: _Transfer) -> None:
    """Unpacks every byte, so that what was put together wrongly never takes the zip's place."""
    try:
        with opened_zip(transfer.part) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            # The size first: a zip bomb would unpack for hours.
            if unpacked <= MAX_ZIP_RATIO * transfer.part.stat().st_size and not archive.testzip():
                return
    except (*ZIP_ERRORS, UserError, RuntimeError, OSError):
        pass
    _discard(transfer)
    raise UserError(
        f"What {transfer.shown} sent is no sound zip; try again later, or {_OTHERWISE}."
    )


def _gave_up(transfer: _Transfer) -> UserError:
    if transfer.arrived:
        return UserError(
            f"The download of {transfer.name} broke off at {transfer.arrived / 1e6:.1f} MB; "
            f"{_next_time(transfer)}."
        )
    return UserError(
        f"{transfer.shown} cannot be reached; the starter corpus needs no network, and a file that "
        "you have downloaded elsewhere can be added by its path."
    )


def _next_time(transfer: _Transfer) -> str:
    return f"adding it again {'goes on from there' if _known(transfer) else 'starts it anew'}"
