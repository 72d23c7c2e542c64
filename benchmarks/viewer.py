"""Viewers without a browser: hold websockets of the dashboard and request every tick."""

import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

WAIT_SECONDS = 30.0
_RECEIVE_BYTES = 2**18


@dataclass(frozen=True)
class Tick:
    """A periodic rerun of a fragment."""

    fragment: str
    at: float
    """`time.monotonic()` of the request."""
    seconds: float
    """From the request to `script_finished`."""


class Tab:
    """The state of a page as a browser tab keeps it, timers included."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.exceptions: list[str] = []
        """Exceptions that the page showed."""
        self.received_bytes = self.messages = 0
        self.runs = 0
        """Completed runs of the whole page."""
        self._buttons: dict[str, str] = {}
        """Ids by label."""
        self._page = ""
        self._timers: dict[str, tuple[float, float]] = {}
        """Per fragment: its interval, and when it is due."""
        self._requested: dict[str, float] = {}
        self._running: list[str] = []

    def next_at(self) -> float:
        """Return when the next tick is due."""
        return min((due for _, due in self._timers.values()), default=float("inf"))

    def due(self, now: float) -> list[bytes]:
        """Return requests for the ticks that are due."""
        requests = []
        for fragment, (interval, due) in self._timers.items():
            if now >= due:
                request = BackMsg()
                request.rerun_script.page_script_hash = self._page
                request.rerun_script.fragment_id = fragment
                request.rerun_script.is_auto_rerun = True
                requests.append(request.SerializeToString())
                self._timers[fragment] = (interval, max(due + interval, now))
                self._requested.setdefault(fragment, now)
        return requests

    def receive(self, answer: bytes) -> None:
        """Process a message from the server."""
        self.received_bytes += len(answer)
        self.messages += 1
        message = ForwardMsg.FromString(answer)
        match message.WhichOneof("type"):
            case "new_session":
                self._ended()  # if the last run's end was not sent
                self._page = message.new_session.page_script_hash
                self._running = list(message.metadata.run.fragment_ids)
                if not self._running:  # the whole page runs again
                    self._timers.clear()
                    self._requested.clear()
            case "auto_rerun":
                timer = message.auto_rerun
                if self._timers.get(timer.fragment_id, (None,))[0] != timer.interval:
                    due = time.monotonic() + timer.interval
                    self._timers[timer.fragment_id] = (timer.interval, due)
            case "stop_auto_rerun":
                for fragment in message.stop_auto_rerun.fragment_ids:
                    self._timers.pop(fragment, None)
            case "script_finished":
                self.runs += message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
                self._ended()
            case "delta":
                self._element(message.delta.new_element)

    def _element(self, element: Element) -> None:
        match element.WhichOneof("type"):
            case "exception":
                self.exceptions.append(f"{element.exception.type}: {element.exception.message}")
            case "button":
                self._buttons[element.button.label] = element.button.id

    def click(self, label: str) -> bytes:
        """Return the request of a click on the button with this label."""
        request = BackMsg()
        request.rerun_script.page_script_hash = self._page
        request.rerun_script.widget_states.widgets.add(id=self._buttons[label], trigger_value=True)
        return request.SerializeToString()

    def _ended(self) -> None:
        """Record the ticks of the fragments that ran."""
        now = time.monotonic()
        for fragment in self._running:
            requested_at = self._requested.pop(fragment, None)
            if requested_at is not None:
                self.ticks.append(Tick(fragment, requested_at, now - requested_at))
        self._running = []


class Viewer:
    """A session on the dashboard's first page; several share a thread with `watch_together`."""

    def __init__(self, address: str) -> None:
        self.tab = Tab()
        self.closed = False
        """True once the server or the connection has ended the session."""
        uri = parse_uri(f"{address.replace('http', 'ws', 1)}/_stcore/stream")
        self._protocol = ClientProtocol(uri, max_size=None)
        parts = urlsplit(address)
        self.socket = socket.create_connection((parts.hostname, parts.port), WAIT_SECONDS)
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        opening = BackMsg()
        opening.rerun_script.query_string = ""
        while not self._protocol.events_received():
            self._protocol.receive_data(self.socket.recv(_RECEIVE_BYTES))
        if self._protocol.handshake_exc:
            raise self._protocol.handshake_exc
        self.send(opening.SerializeToString())

    def __enter__(self) -> "Viewer":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, request: bytes) -> None:
        """Send a request to the server."""
        self._protocol.send_binary(request)
        self._flush()

    def request_due_ticks(self, now: float) -> None:
        """Request the ticks that are due."""
        for request in self.tab.due(now):
            self.send(request)

    def receive(self) -> None:
        """Process what has arrived; wait if that is nothing."""
        data = self.socket.recv(_RECEIVE_BYTES)
        if data:
            self._protocol.receive_data(data)
        self.closed |= not data
        self._flush()  # answers pings
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame) and frame.opcode is Opcode.BINARY:
                assert frame.fin  # the server sends a message in one frame
                self.tab.receive(frame.data)

    def watch(self, seconds: float) -> None:
        """Do for this long what a tab would do."""
        watch_together([self], seconds)

    def click(self, label: str) -> None:
        """Click a button and wait until the whole page has run; KeyError without such a button."""
        before = self.tab.runs
        self.send(self.tab.click(label))
        self._wait_for(lambda: self.tab.runs > before, f"No response to a click on {label}")

    def wait_for_page(self) -> None:
        """Wait until the page has run once."""
        self._wait_for(lambda: self.tab.runs > 0, "The page did not run")

    def wait_for_ticks(self, count: int) -> None:
        """Wait for that many ticks; RuntimeError if they do not come."""
        self._wait_for(lambda: len(self.tab.ticks) >= count, f"The page did not tick {count} times")

    def _wait_for(self, condition: Callable[[], bool], problem: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{problem} within {WAIT_SECONDS:g} s.")
            self.watch(0.05)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.socket.sendall(data)


def watch_together(viewers: list[Viewer], seconds: float) -> None:
    """Do for this long what the viewers' tabs would do."""
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for viewer in viewers:
            if not viewer.closed:
                selector.register(viewer.socket, selectors.EVENT_READ, viewer)
        while (now := time.monotonic()) < until:
            for key, _ in selector.select(_wait(selector, now, until)):
                key.data.receive()
                if key.data.closed:
                    selector.unregister(key.fileobj)
            now = time.monotonic()
            for key in selector.get_map().values():
                key.data.request_due_ticks(now)


def _wait(selector: selectors.BaseSelector, now: float, until: float) -> float:
    next_at = min((key.data.tab.next_at() for key in selector.get_map().values()), default=until)
    return max(0.0, min(next_at, until) - now)
