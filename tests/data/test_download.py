"""Downloads from a real server on this machine, kind and unkind."""

import base64
import io
import logging
import random
import re
import socket
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from s2s.data import catalog
from s2s.data import download as module
from s2s.data.catalog import quiet
from s2s.data.download import download


def tiny_zip(seed: int = 0) -> bytes:
    """8 kB, of the same length for every seed."""
    noise = random.Random(seed).randbytes(4000).hex()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("fra.txt", f"Go.\tVa !\n{noise}\tnoise\n")
    return packed.getvalue()


TINY = tiny_zip()
Refused = Callable[[str], AbstractContextManager[None]]


@dataclass
class Site:
    """What the server has and how it misbehaves; `seen` holds the headers of each request."""

    files: dict[str, bytes] = field(default_factory=lambda: {"/fra-eng.zip": TINY})
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    honours_range: bool = True
    honours_if_range: bool = True
    status: int = 0
    """Answered to everything, where set."""
    breaks_at: list[int] = field(default_factory=list)
    """Bytes of body after which the first, second, ... answer ends."""
    lie: int = 0
    """Added to the declared length."""
    lie_of_rest: int = 0
    """The same, in answers to a Range."""
    declares_length: bool = True
    drip_seconds: float | None = None
    """Between single bytes."""
    stalls: bool = False
    """An answer that breaks off keeps its connection open instead."""
    begins: dict[str, bytes] = field(default_factory=dict)
    """By path, with what the answer begins that then drips."""
    drips: bytes = b"x"
    outlasted: bool = False
    """The client stayed to the end of a drip."""
    over: threading.Event = field(default_factory=threading.Event)
    seen: list[dict[str, str]] = field(default_factory=list)

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for headers in self.seen]


class Server(ThreadingHTTPServer):
    site: Site


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        site = self.server.site
        site.seen.append(dict(self.headers.items()))
        if self.path in site.begins:
            return self.drip(site.begins[self.path])
        body = site.files.get(self.path)
        if site.status:
            return self.send_error(site.status)
        if "python" in self.headers["User-Agent"].lower():
            return self.send_error(406)
        if body is None:
            return self.send_error(404)
        start = self.start_of_range()
        if start >= len(body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        for name, value in site.headers.items():
            self.send_header(name, value)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        lie = site.lie_of_rest if start else site.lie
        if site.declares_length:
            self.send_header("Content-Length", str(len(body) - start + lie))
        self.end_headers()
        end = start + site.breaks_at.pop(0) if site.breaks_at else len(body)
        self.send_body(body[start:end])
        return None

    def start_of_range(self) -> int:
        site = self.server.site
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        fresh = self.headers.get("If-Range") in site.headers.values() or not site.honours_if_range
        return int(asked[1]) if asked and fresh and site.honours_range else 0

    def drip(self, beginning: bytes) -> None:
        """For ten seconds, or until the client has had enough."""
        site = self.server.site
        self.close_connection = True
        with suppress(ConnectionError):
            self.wfile.write(beginning)
            for _ in range(500):
                self.wfile.write(site.drips)
                if site.over.wait(0.02):
                    return
            site.outlasted = True

    def send_body(self, body: bytes) -> None:
        site = self.server.site
        try:
            if site.drip_seconds is None:
                self.wfile.write(body)
            else:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    site.over.wait(site.drip_seconds)
            if site.stalls:
                site.over.wait(60)
        except ConnectionError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="test server")
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def site(server: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    server.site = Site()
    monkeypatch.setenv("S2S_CORPORA_URL", url)
    yield server.site
    server.site.over.set()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(module, "_PAUSES_SECONDS", (0.0, 0.0, 0.0))


def fetch(folder: Path) -> Path:
    return download("fra-eng", folder, quiet)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"fra-eng.lock"}


def test_real_zip_arrives_whole_and_says_how_far_it_is(
    site: Site, tmp_path: Path, test_data: Path
) -> None:
    site.files["/fra-eng.zip"] = (test_data / "fra-eng.zip").read_bytes()
    said: list[tuple[str, float | None]] = []
    path = download("fra-eng", tmp_path / "new" / "downloads", lambda *each: said.append(each))
    assert path == tmp_path / "new" / "downloads" / "fra-eng.zip"
    assert path.read_bytes() == site.files["/fra-eng.zip"]
    assert left(path.parent) == {"fra-eng.zip"}
    shares = [share for _, share in said if share is not None]
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert shares[-1] > 0.95
    assert said[-1][0] == "Downloading fra-eng: 3.4 MB"


def test_it_does_not_call_itself_a_python_client(site: Site, url: str, tmp_path: Path) -> None:
    assert requests.get(f"{url}/fra-eng.zip", timeout=10).status_code == 406
    assert fetch(tmp_path).read_bytes() == TINY
    assert site.seen[-1]["User-Agent"].startswith("Mozilla/5.0 ")


def test_a_complete_zip_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    fetch(tmp_path)
    site.files["/fra-eng.zip"] = tiny_zip(seed=1)
    assert fetch(tmp_path).read_bytes() == TINY
    assert len(site.seen) == 1


def test_what_is_no_zip_is_fetched_anew(site: Site, tmp_path: Path) -> None:  # noqa: ARG001
    (tmp_path / "fra-eng.zip").write_bytes(TINY[:100])
    assert fetch(tmp_path).read_bytes() == TINY


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"one"'},
        {"Last-Modified": "Sun, 07 Apr 2019 21:35:00 GMT"},
        {"ETag": 'W/"weak"', "Last-Modified": "Sun, 07 Apr 2019 21:35:00 GMT"},
    ],
)
def test_a_broken_transfer_goes_on_within_the_call(
    site: Site, tmp_path: Path, headers: dict[str, str]
) -> None:
    site.headers = headers
    site.breaks_at = [1000, 500]
    assert fetch(tmp_path).read_bytes() == TINY
    assert left(tmp_path) == {"fra-eng.zip"}
    assert site.ranges() == [None, "bytes=1000-", "bytes=1500-"]
    assert site.seen[1]["If-Range"] == [*headers.values()][-1]


def test_a_broken_transfer_goes_on_at_the_next_call(
    site: Site, tmp_path: Path, refused: Refused
) -> None:
    site.breaks_at = [1000, 0, 0, 0]
    with refused("broke off at 0.0 MB; adding it again goes on from there"):
        fetch(tmp_path)
    assert left(tmp_path) == {"fra-eng.zip.part", "fra-eng.zip.part.json"}
    assert fetch(tmp_path).read_bytes() == TINY
    assert site.ranges() == [None, *["bytes=1000-"] * 4]


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}])
def test_without_a_validator_it_starts_anew(
    site: Site, tmp_path: Path, headers: dict[str, str], refused: Refused
) -> None:
    site.headers = headers
    site.breaks_at = [1000] * 4
    with refused("adding it again starts it anew"):
        fetch(tmp_path)
    assert fetch(tmp_path).read_bytes() == TINY
    assert site.ranges() == [None] * 5


@pytest.mark.parametrize("honours_if_range", [True, False])
@pytest.mark.parametrize("honours_range", [True, False])
@pytest.mark.parametrize("newer", [tiny_zip(seed=1), tiny_zip(seed=1) * 2, TINY[:900]])
def test_a_file_that_changed_meanwhile_is_never_mixed(
    site: Site, tmp_path: Path, honours_if_range: bool, honours_range: bool, newer: bytes
) -> None:
    site.honours_range, site.honours_if_range = honours_range, honours_if_range
    site.breaks_at = [1000, 0, 0, 0]
    with pytest.raises(catalog.UserError):
        fetch(tmp_path)
    site.files["/fra-eng.zip"] = newer
    site.headers = {"ETag": '"two"'}
    site.breaks_at = []
    if zipfile.is_zipfile(io.BytesIO(newer)):
        assert fetch(tmp_path).read_bytes() == newer
    else:
        with pytest.raises(catalog.UserError):
            fetch(tmp_path)
        assert left(tmp_path) == set()


def test_a_part_of_another_address_is_not_continued(
    site: Site, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.breaks_at = [1000, 0, 0, 0]
    with pytest.raises(catalog.UserError):
        fetch(tmp_path)
    site.files["/mirror/fra-eng.zip"] = tiny_zip(seed=1)
    monkeypatch.setenv("S2S_CORPORA_URL", f"{url}/mirror/")
    assert fetch(tmp_path).read_bytes() == tiny_zip(seed=1)
    assert site.ranges()[-1] is None


def test_a_file_of_another_length_is_another_file(site: Site, tmp_path: Path) -> None:
    site.breaks_at = [1000, 0, 0, 0]
    with pytest.raises(catalog.UserError):
        fetch(tmp_path)
    packed = io.BytesIO(TINY)
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("_about.txt", "more")
    site.files["/fra-eng.zip"] = packed.getvalue()
    assert fetch(tmp_path).read_bytes() == packed.getvalue()
    assert site.ranges()[-2:] == ["bytes=1000-", None]


def test_notes_that_were_cut_short_start_it_anew(site: Site, tmp_path: Path) -> None:
    (tmp_path / "fra-eng.zip.part").write_bytes(b"x" * 1000)
    (tmp_path / "fra-eng.zip.part.json").write_text('{"url": "htt', encoding="utf-8")
    assert fetch(tmp_path).read_bytes() == TINY
    assert site.ranges() == [None]


def test_a_busy_server_costs_nothing_of_what_has_arrived(
    site: Site, tmp_path: Path, refused: Refused
) -> None:
    site.breaks_at = [1000, 0, 0, 0]
    with refused("goes on"):
        fetch(tmp_path)
    site.status = 503
    with refused("answered 503; try again later"):
        fetch(tmp_path)
    site.status = 0
    assert fetch(tmp_path).read_bytes() == TINY
    assert site.ranges()[-1] == "bytes=1000-"


def test_a_length_that_promises_too_much(site: Site, tmp_path: Path, refused: Refused) -> None:
    site.lie = 1000
    with refused("cannot be reached"):
        fetch(tmp_path)
    assert not (tmp_path / "fra-eng.zip").exists()
    site.lie = 0
    assert fetch(tmp_path).read_bytes() == TINY


def test_a_length_that_promises_too_little(site: Site, tmp_path: Path, refused: Refused) -> None:
    site.lie = -1000
    with refused("is no sound zip; try again later"):
        fetch(tmp_path)
    assert left(tmp_path) == set()


def test_the_rest_too_may_promise_too_little(site: Site, tmp_path: Path, refused: Refused) -> None:
    site.breaks_at = [1000]
    site.lie_of_rest = -10
    with refused("goes on from there"):
        fetch(tmp_path)
    site.lie_of_rest = 0
    assert fetch(tmp_path).read_bytes() == TINY
    assert site.ranges()[-1] == f"bytes={len(TINY) - 10}-"


def test_no_length_at_all(site: Site, tmp_path: Path, refused: Refused) -> None:
    site.declares_length = False
    site.breaks_at = [1000]
    with refused("is no sound zip"):
        fetch(tmp_path)
    said: list[float | None] = []
    download("fra-eng", tmp_path, lambda _, share: said.append(share))
    assert (tmp_path / "fra-eng.zip").read_bytes() == TINY
    assert set(said) == {None}


@pytest.mark.parametrize("declares_length", [True, False])
def test_more_than_the_cap(
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    declares_length: bool,
    refused: Refused,
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", len(TINY) - 1)
    site.declares_length = declares_length
    # What is declared too large is refused before its first byte, and not asked for again.
    site.breaks_at = [0] if declares_length else []
    with refused("is larger than"):
        fetch(tmp_path)
    assert left(tmp_path) == set()
    assert len(site.seen) == 1
    monkeypatch.setattr(module, "MAX_BYTES", len(TINY))
    assert fetch(tmp_path).read_bytes() == TINY


def test_a_server_that_stalls(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    monkeypatch.setattr(module, "_READ_SECONDS", 0.1)
    site.stalls = True
    site.breaks_at = [1000, 1000, 0, 0]
    with refused("goes on from there"):
        fetch(tmp_path)
    assert site.ranges() == [None, "bytes=1000-", "bytes=2000-", "bytes=2000-"]


def test_a_server_that_drips(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    monkeypatch.setattr(module, "_TOTAL_SECONDS", 0.2)
    site.drip_seconds = 0.01
    with refused("was ended after 0 minutes, at 0.0 MB; adding it again goes on from there"):
        fetch(tmp_path)
    site.drip_seconds = None
    monkeypatch.setattr(module, "_TOTAL_SECONDS", 60)
    assert fetch(tmp_path).read_bytes() == TINY
    assert site.ranges()[1] is not None


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begins", "drips"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (CHUNKED + b"%x\r\n%b\r\n0\r\n" % (len(TINY), TINY), b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    ],
    ids=["header", "continue", "trailers", "body"],
)
def test_whatever_drips_it_ends_in_time(
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    begins: bytes,
    drips: bytes,
    refused: Refused,
) -> None:
    monkeypatch.setattr(module, "_TOTAL_SECONDS", 0.3)
    site.begins, site.drips = {"/fra-eng.zip": begins}, drips
    with refused("was ended after 0 minutes"):
        fetch(tmp_path)
    assert len(site.seen) == 1
    assert not site.outlasted


def leads_to(address: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {address}\r\n\r\n".encode()


def test_the_body_of_a_redirect_is_not_read(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TOTAL_SECONDS", 5.0)  # less than the body drips
    site.begins = {"/fra-eng.zip": leads_to("/b.zip"), "/b.zip": leads_to("there/c.zip")}
    site.files["/there/c.zip"] = TINY
    assert fetch(tmp_path).read_bytes() == TINY
    assert len(site.seen) == 3


@pytest.mark.parametrize(("address", "asked"), [("/fra-eng.zip", 6), ("file:///etc/hostname", 1)])
def test_a_redirect_without_end_or_to_a_file(
    site: Site, tmp_path: Path, address: str, asked: int, refused: Refused
) -> None:
    site.begins["/fra-eng.zip"] = leads_to(address)
    with refused("cannot be reached"):
        fetch(tmp_path)
    assert len(site.seen) == 4 * asked


@pytest.mark.parametrize(("host", "told"), [("127.0.0.1", True), ("localhost", False)])
def test_a_redirect_takes_the_password_to_no_other_host(
    site: Site, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, told: bool
) -> None:
    monkeypatch.setenv("S2S_CORPORA_URL", url.replace("//", "//user:planted@"))
    site.begins["/fra-eng.zip"] = leads_to(f"{url.replace('127.0.0.1', host)}/b.zip")
    site.files["/b.zip"] = TINY
    assert fetch(tmp_path).read_bytes() == TINY
    assert ["Authorization" in headers for headers in site.seen] == [True, told]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "(404); choose another named pair"),
        (406, "(406); download it with a browser"),
        (500, "answered 500; try again later"),
    ],
)
def test_a_server_that_says_no(
    site: Site, tmp_path: Path, status: int, words: str, refused: Refused
) -> None:
    site.status = status
    with refused(words):
        fetch(tmp_path)
    assert left(tmp_path) == set()


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("S2S_CORPORA_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        with refused("cannot be reached; the starter corpus needs no network"):
            fetch(tmp_path)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("corpora", "S2S_CORPORA_URL"),
        ("http://[::1", "S2S_CORPORA_URL"),
        ("http://user:p€w@127.0.0.1:1", "http://127.0.0.1:1"),
    ],
)
def test_an_address_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, shown: str, refused: Refused
) -> None:
    monkeypatch.setenv("S2S_CORPORA_URL", address)
    with refused(f"{shown} cannot be reached"):
        fetch(tmp_path)


@pytest.mark.parametrize(
    "password",
    [
        "planted",
        "pl@nted-planted",
        "pl/planted",
        "x?planted#x",
        "x//planted",
        "x\nplanted",
        "x/@planted",
        "€planted",
    ],
)
@pytest.mark.parametrize("query", ["", "/planted", "?key=planted", "?key=@planted", "#planted"])
@pytest.mark.parametrize("trouble", [404, 406, 500, "breaks", "no zip", "unreachable"])
def test_a_password_in_the_address_is_told_to_nobody_else(
    site: Site,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    password: str,
    query: str,
    trouble: int | str,
) -> None:
    caplog.set_level(logging.DEBUG, "s2s")
    address = url.replace("//", f"//user:{password}@") + query
    if re.search("[/?€\n]", password):
        trouble = "unreachable"  # no address that a client understands
    if trouble == "unreachable":
        address = address.replace("127.0.0.1", "127.0.0.1:1")
    site.status = trouble if isinstance(trouble, int) else 0
    site.breaks_at = [1000, 0, 0, 0] if trouble == "breaks" else []
    path = query if query.startswith("/") else f"/{query}"
    site.files = {f"{path}/fra-eng.zip": b"no zip" if trouble == "no zip" else TINY}
    if "#" not in query:
        site.files["/fra-eng.zip"] = site.files[f"{path}/fra-eng.zip"]
    monkeypatch.setenv("S2S_CORPORA_URL", address)
    with pytest.raises(catalog.UserError) as caught:
        fetch(tmp_path)
    told = [str(caught.value), caplog.text]
    told += [each.read_bytes().decode("latin-1") for each in tmp_path.iterdir() if each.is_file()]
    assert not [each for each in told if "planted" in each]


def test_the_password_in_the_address_is_used(
    site: Site, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S2S_CORPORA_URL", url.replace("//", "//user:planted@"))
    assert fetch(tmp_path).read_bytes() == TINY
    assert base64.b64decode(site.seen[0]["Authorization"].split()[1]) == b"user:planted"


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fra.txt", bytes(5_000_000))
    return packed.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Please sign in to this network.</html>",
        TINY[:2000] + bytes([TINY[2000] ^ 1]) + TINY[2001:],
        zip_bomb(),
    ],
    ids=["page", "flipped bit", "bomb"],
)
def test_what_is_no_sound_zip(site: Site, tmp_path: Path, body: bytes, refused: Refused) -> None:
    site.files["/fra-eng.zip"] = body
    with refused("is no sound zip"):
        fetch(tmp_path)
    assert left(tmp_path) == set()


def test_one_download_at_a_time(site: Site, tmp_path: Path, refused: Refused) -> None:
    with FileLock(tmp_path / "fra-eng.lock"), refused("is being downloaded already"):
        fetch(tmp_path)
    assert not site.seen
    assert fetch(tmp_path).read_bytes() == TINY


def test_a_folder_that_cannot_be(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "file").touch()
    with refused("could not be written"):
        fetch(tmp_path / "file")


@pytest.mark.usefixtures("site")
@settings(max_examples=40)
@given(
    breaks_at=st.lists(st.integers(0, len(TINY)), max_size=6),
    lie=st.sampled_from([0, 0, 0, -100, 100]),
    honours_range=st.booleans(),
    honours_if_range=st.booleans(),
    declares_length=st.booleans(),
    etags=st.lists(st.sampled_from(['"one"', '"two"', 'W/"weak"']), min_size=2, max_size=2),
)
def test_whatever_happens_the_zip_is_right_or_not_there(
    server: Server,
    breaks_at: list[int],
    lie: int,
    honours_range: bool,
    honours_if_range: bool,
    declares_length: bool,
    etags: list[str],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for etag in etags:
            server.site = Site(
                headers={"ETag": etag},
                breaks_at=breaks_at,
                lie=lie,
                honours_range=honours_range,
                honours_if_range=honours_if_range,
                declares_length=declares_length,
            )
            try:
                assert fetch(Path(folder)).read_bytes() == TINY
            except catalog.UserError:
                assert not Path(folder, "fra-eng.zip").exists()
        server.site = Site()
        assert fetch(Path(folder)).read_bytes() == TINY


def test_a_named_pair_becomes_a_corpus(site: Site, tmp_path: Path, test_data: Path) -> None:
    site.files["/fra-eng.zip"] = (test_data / "fra-eng.zip").read_bytes()
    info = catalog.add(tmp_path / "corpora", "fra-eng")
    assert (info.name, info.pairs_read) == ("fra-eng", 167_130)
    assert (info.source_language, info.target_language) == ("French", "English")
    assert info.attribution == catalog.TATOEBA
    assert (tmp_path / "downloads" / "fra-eng.zip").exists()
    assert catalog.add(tmp_path / "corpora", "fra-eng") == info
    assert len(site.seen) == 1
