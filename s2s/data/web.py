"""Requests that end at a deadline, in the middle of headers and redirects too."""

import os
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar, Self
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

_MOST_REDIRECTS = 5


class Web(requests.Session):
    """A session whose connections are shut down after `seconds`, whatever it waits for then.

    What is read from them ends there, as if the server had hung up. Between two reads nothing
    could look at the clock: one call reads headers, or the end of a body, for as long as they drip.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.is_over = False
        self._sockets: list[socket.socket] = []
        self._watchdog = threading.Timer(seconds, self._end)
        self._watchdog.name, self._watchdog.daemon = "download deadline", True
        for scheme in ("http://", "https://"):
            self.mount(scheme, _WatchedAdapter(self))

    def __enter__(self) -> Self:
        self._watchdog.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._watchdog.cancel()
        self._watchdog.join()
        self.close()
        for each in self._sockets:
            each.close()

    def ask(
        self, url: str, headers: Mapping[str, str], timeout: tuple[float, float]
    ) -> requests.Response:
        """The answer with its body unread, after at most five redirects.

        Raises requests.RequestException, for an address too that is none.
        """
        login: dict[str, str] = {}
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                response = self.get(url, headers={**headers, **login}, stream=True, timeout=timeout)
                location = super().get_redirect_target(response)
                if location is None:
                    return response
                response.close()
                before, url = url, urljoin(url, location)
            except requests.RequestException:
                raise
            except ValueError as error:  # a password beyond Latin-1, half an address in brackets
                raise requests.exceptions.InvalidURL from error
            sent = response.request.headers.get("Authorization")
            leaves = self.should_strip_auth(before, url)  # type: ignore[no-untyped-call]
            login = {"Authorization": sent} if sent and not leaves else {}
        raise requests.TooManyRedirects

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Hides redirects from requests, which reads their bodies whole, followed or not."""

    def watch(self, descriptor: int) -> None:
        # One of our own: TLS takes the other from its socket, and an answer's end closes it.
        self._sockets.append(socket.socket(fileno=os.dup(descriptor)))
        if self.is_over:
            self._end()

    def _end(self) -> None:
        self.is_over = True
        for each in list(self._sockets):
            with suppress(OSError):  # the other side was faster
                each.shutdown(socket.SHUT_RDWR)


class _WatchedAdapter(HTTPAdapter):
    def __init__(self, web: Web) -> None:
        super().__init__()
        self._web = web

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> HTTPConnectionPool:
        pool = super().get_connection_with_tls_context(*args, **options)
        assert isinstance(pool, HTTPConnectionPool)
        if not issubclass(pool.ConnectionCls, _WatchedConnection):
            bases = (_WatchedConnection, pool.ConnectionCls)
            pool.ConnectionCls = type("Watched", bases, {"web": self._web})
        return pool


class _WatchedConnection(HTTPConnection):
    web: ClassVar[Web]

    def connect(self) -> None:
        super().connect()
        self.web.watch(self.sock.fileno())
