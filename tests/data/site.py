"""A web server on this machine that offers a named pair, with and without faults."""

import io
import random
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


def make_zip(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("fra.txt"), text, zipfile.ZIP_DEFLATED)
    return file.getvalue()


ZIP = make_zip("Go.\tVa !\n" + random.Random(0).randbytes(2000).hex())
NEWER_ZIP = make_zip("Go.\tVa !\n" + random.Random(1).randbytes(2000).hex())


@dataclass
class Site:
    """The server's responses; `requests` holds the headers of each request."""

    content: bytes = ZIP
    etag: str = '"one"'
    status: int = 0
    """Sent instead of the file, if not 0."""
    cut_at: list[int] = field(default_factory=list)
    """Number of bytes after which the first, second, ... answer ends."""
    declares_length: bool = True
    gate: threading.Event | None = None
    """Awaited before an answer ends."""
    requests: list[dict[str, str]] = field(default_factory=list)

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for headers in self.requests]


class Server(ThreadingHTTPServer):
    site: Site


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        site = self.server.site
        site.requests.append(dict(self.headers.items()))
        if site.status or "Mozilla" not in self.headers["User-Agent"]:
            return self.send_error(site.status or 406)
        start, size = 0, len(site.content)
        requested = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if requested and self.headers["If-Range"] == site.etag:
            start = int(requested[1])
        self.send_response(206 if start else 200)
        self.send_header("ETag", site.etag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if site.declares_length:
            self.send_header("Content-Length", str(size - start))
        self.end_headers()
        end = start + site.cut_at.pop(0) if site.cut_at else size
        with suppress(ConnectionError):
            self.wfile.write(site.content[start:end])
        if site.gate:
            site.gate.wait(60)
        return None

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve() -> Iterator[Site]:
    """Serve a site, from which this process and its children download."""
    with Server(("127.0.0.1", 0), Handler) as server, pytest.MonkeyPatch.context() as patch:
        server.site = Site()
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("S2S_CORPORA_URL", f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.site
        server.shutdown()
        thread.join()
