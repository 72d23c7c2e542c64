"""Downloads from a real server on this machine, with and without faults."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from s2s.data import catalog
from s2s.data import download as module
from s2s.data.catalog import ignore_progress
from s2s.data.download import download
from s2s.errors import UserError
from tests.data.site import NEWER_ZIP, ZIP, Site, make_zip, serve


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as site:
        yield site


def fetch(folder: Path) -> bytes:
    return download("fra-eng", folder, ignore_progress).read_bytes()


def list_files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"fra-eng.lock"}


def test_a_named_pair_becomes_a_corpus(site: Site, tmp_path: Path) -> None:
    site.content = make_zip("Go.\tVa !\nRun!\tCours !\n")
    fractions: list[float | None] = []
    download("fra-eng", tmp_path / "downloads", lambda _, fraction: fractions.append(fraction))
    assert fractions == sorted(filter(None, fractions))
    info = catalog.add(tmp_path / "corpora", "fra-eng")
    assert (info.name, info.pairs_read) == ("fra-eng", 2)
    assert (info.source_language, info.target_language) == ("French", "English")
    assert list_files(tmp_path / "downloads") == {"fra-eng.zip"}
    assert len(site.requests) == 1


@pytest.mark.parametrize("newer", [False, True])
def test_the_next_call_resumes_unless_the_file_has_changed(
    site: Site, tmp_path: Path, newer: bool
) -> None:
    site.cut_at = [1000, 500]
    for _ in range(2):
        with pytest.raises(UserError, match="resume at"):
            fetch(tmp_path)
    assert list_files(tmp_path) == {"fra-eng.zip.part", "fra-eng.zip.part.version"}
    if newer:
        site.content, site.etag = NEWER_ZIP, '"two"'
    assert fetch(tmp_path) == site.content
    assert site.ranges() == [None, "bytes=1000-", "bytes=1500-"]
    assert list_files(tmp_path) == {"fra-eng.zip"}


def test_the_transfer_starts_over_without_a_strong_validator_or_after_an_error(
    site: Site, tmp_path: Path
) -> None:
    site.etag, site.cut_at = 'W/"weak"', [1000]
    with pytest.raises(UserError, match="start over"):
        fetch(tmp_path)
    assert fetch(tmp_path) == ZIP
    assert site.ranges() == [None, None]
    (tmp_path / "fra-eng.zip").unlink()
    site.etag, site.cut_at = '"one"', [1000]
    with pytest.raises(UserError, match="resume at"):
        fetch(tmp_path)
    for status in (503, 416):  # the partial file survives an outage
        site.status = status
        with pytest.raises(UserError, match=str(status)):
            fetch(tmp_path)
    site.status = 0
    assert fetch(tmp_path) == ZIP
    assert site.ranges()[2:] == [None, "bytes=1000-", "bytes=1000-", None]


@pytest.mark.parametrize("version", [b"\xff", b'"a\nb"', b""])
def test_a_damaged_version_file_starts_over(site: Site, tmp_path: Path, version: bytes) -> None:
    (tmp_path / "fra-eng.zip.part").write_bytes(ZIP[:1000])
    (tmp_path / "fra-eng.zip.part.version").write_bytes(version)
    assert fetch(tmp_path) == ZIP
    assert site.ranges() == [None]


@pytest.mark.parametrize("declares_length", [True, False])
def test_the_size_is_limited(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declares_length: bool
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", len(ZIP) - 1)
    site.declares_length = declares_length
    with pytest.raises(UserError, match="larger than"):
        fetch(tmp_path)
    assert list_files(tmp_path) == set()
    assert len(site.requests) == 1


@pytest.mark.parametrize(("limit", "seconds"), [("_READ_SECONDS", 0.05), ("_TOTAL_SECONDS", 0.0)])
def test_time_is_limited(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, seconds: float
) -> None:
    """The server holds every answer back until the client has given up."""
    monkeypatch.setattr(module, limit, seconds)
    site.cut_at, site.gate = [1000], threading.Event()
    with pytest.raises(UserError):
        fetch(tmp_path)
    site.gate.set()


@pytest.mark.parametrize("status", [404, 503])
def test_a_refusal_is_reported_at_once(site: Site, tmp_path: Path, status: int) -> None:
    site.status = status
    with pytest.raises(UserError, match=str(status)):
        fetch(tmp_path)
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    "content",
    [b"<html>Sign in.</html>", ZIP[:1000] + b"xyz" + ZIP[1003:], make_zip("0" * 5_000_000)],
    ids=["page", "flipped bit", "bomb"],
)
def test_an_unsound_zip_is_refused(site: Site, tmp_path: Path, content: bytes) -> None:
    site.content = content
    with pytest.raises(UserError, match="valid zip"):
        fetch(tmp_path)
    assert list_files(tmp_path) == set()


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "address", ["ssecret", "http://user:s€cret@127.0.0.1:1", "http://[::secret"]
)
def test_an_unreachable_address_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("S2S_CORPORA_URL", address)
    with pytest.raises(UserError, match="S2S_CORPORA_URL cannot be reached") as caught:
        fetch(tmp_path)
    assert "cret" not in str(caught.value)
