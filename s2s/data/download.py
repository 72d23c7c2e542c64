"""Download named pairs from manythings.org. The next call resumes an interrupted download."""

import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

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
_ALTERNATIVE = "Download it with a browser and add the file by its path."

Progress = Callable[[str, float | None], object]
"""Function to call with a description and the fraction done, or None if that is unknown."""


def download(name: str, folder: Path, progress: Progress) -> Path:
    """Download the zip of a named pair such as `fra-eng`, unless it is in `folder` already.

    The environment variable S2S_CORPORA_URL replaces the address of manythings.org.

    Args:
        folder: Folder of the zip. After an error, the partial file stays here for the next call.

    Returns:
        Path of the zip. A zip that this call downloaded has correct checksums.

    Raises:
        UserError: The zip cannot be downloaded, checked or written.
    """
    target = folder / f"{name}.zip"
    if zipfile.is_zipfile(target):
        return target
    try:
        make_folder(folder)
        with FileLock(folder / f"{name}.lock", timeout=0):
            transfer = _Transfer(name, folder, progress)
            transfer.receive()
            transfer.check_zip()
            transfer.partial.replace(target)
            transfer.discard()
    except Timeout as error:
        raise UserError(f"{name} is already being downloaded. Wait until it is done.") from error
    except OSError as error:
        raise UserError(
            f"{name} could not be written to {folder} ({error.strerror or error}). "
            "Make room there, or set S2S_HOME to another folder."
        ) from error
    return target


class _Transfer:
    """The download of one zip into a partial file."""

    def __init__(self, name: str, folder: Path, progress: Progress) -> None:
        self._name, self._progress = name, progress
        base = os.environ.get("S2S_CORPORA_URL", "").rstrip("/")
        self._url = f"{base or 'http://www.manythings.org/anki'}/{name}.zip"
        # The URL may contain a password, so messages name the site instead.
        self._site = "S2S_CORPORA_URL" if base else "manythings.org"
        self.partial = folder / f"{name}.zip.part"
        self._version_file = folder / f"{name}.zip.part.version"
        """File with the ETag or date of the zip, empty if the site sent neither."""

    def receive(self) -> None:
        """Request the whole zip, or the rest of a partial one."""
        done = self._count_resumable_bytes()
        headers = dict(_HEADERS)
        if done:
            headers |= {"Range": f"bytes={done}-", "If-Range": self._read_version()}
        timeouts = (_CONNECT_SECONDS, _READ_SECONDS)
        try:
            response = requests.get(self._url, headers=headers, stream=True, timeout=timeouts)
            with response:
                if response.status_code != 206:  # not the rest, but the whole file or an error
                    self._start_over(response)
                    done = 0
                self._append(response, done)
        # requests raises ValueError for some invalid addresses.
        except (requests.RequestException, HTTPError, ValueError) as error:
            if self.partial.exists() and self.partial.stat().st_size:
                advice = self._explain_next_attempt()
                message = f"The download of {self._name} was interrupted. {advice}"
            else:
                message = (
                    f"{self._site} cannot be reached. Check the network, or use the starter "
                    f"corpus, which needs none. {_ALTERNATIVE}"
                )
            raise UserError(message) from error

    def _count_resumable_bytes(self) -> int:
        """Return the size of the partial file, or 0 if the download has to start over."""
        try:
            return self.partial.stat().st_size if self._read_version() else 0
        except FileNotFoundError:
            return 0

    def _read_version(self) -> str:
        """Return the version of the partial file; empty if it is missing or cannot be a header."""
        try:
            version = self._version_file.read_text(encoding="ascii")
        except (OSError, ValueError):
            return ""
        return version if version.isprintable() else ""

    def _start_over(self, response: requests.Response) -> None:
        """Prepare for the whole zip. Raise UserError if the response is anything else."""
        status = response.status_code
        if status in (200, 416):  # the whole zip, or a partial file that is not part of it
            self.discard()
        if status == 404:
            raise UserError(f"{self._name} not found at {self._site} (404). Choose another pair.")
        if status != 200:
            raise UserError(f"{self._site} answered {status}. Try again later. {_ALTERNATIVE}")
        etag = response.headers.get("ETag", "")
        if not etag.startswith('"'):  # If-Range does not accept a weak ETag
            etag = response.headers.get("Last-Modified", "")
        self._version_file.write_text(etag, encoding="utf-8")

    def _append(self, response: requests.Response, done: int) -> None:
        """Append the response to the partial file, which holds `done` bytes so far."""
        remaining = response.raw.length_remaining
        deadline = time.monotonic() + _TOTAL_SECONDS
        total, description = done + (remaining or 0), ""
        with self.partial.open("ab") as file:
            # Unlike iter_content, read1 does not wait for a full block, so the deadline is checked.
            while block := response.raw.read1(65536, decode_content=False):
                file.write(block)
                done += len(block)
                if max(done, total) > MAX_BYTES:
                    self.discard()
                    raise UserError(
                        f"{self._name} is larger than the limit of {MAX_BYTES / 1e6:,.0f} MB per "
                        f"download. {_ALTERNATIVE}"
                    )
                if time.monotonic() > deadline:
                    raise UserError(
                        f"The download of {self._name} took more than {_TOTAL_SECONDS / 60:.0f} "
                        f"minutes. {self._explain_next_attempt()}"
                    )
                previous = description
                description = f"Downloading {self._name}: {done / 1e6:.1f} MB"
                if description != previous:
                    self._progress(description, done / total if remaining else None)

    def check_zip(self) -> None:
        """Check every byte. The server may have resumed with another version of the zip."""
        try:
            with open_zip(self.partial) as archive:
                unpacked = sum(entry.file_size for entry in archive.infolist())
                # Check the size first, because unpacking a zip bomb takes hours.
                is_plausible = unpacked <= MAX_ZIP_RATIO * self.partial.stat().st_size
                if is_plausible and not archive.testzip():
                    return
        except (*ZIP_ERRORS, UserError, OSError):
            pass
        self.discard()
        raise UserError(
            f"{self._site} did not send a valid zip file. Try again later. {_ALTERNATIVE}"
        )

    def discard(self) -> None:
        """Delete the partial file and its version file."""
        self.partial.unlink(missing_ok=True)
        self._version_file.unlink(missing_ok=True)

    def _explain_next_attempt(self) -> str:
        done = self._count_resumable_bytes()
        action = f"resume at {done / 1e6:.1f} MB" if done else "start over"
        return f"Add {self._name} again to {action}."
