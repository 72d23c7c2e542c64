"""Viewers without a browser: hold the dashboard's websockets and ask for every tick."""

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
    """A fragment drawn anew because its time had come."""

    fragment: str
    at: float
    """`time.monotonic()` of the request, as all times here."""
    seconds: float
    """From the request to `script_finished`."""


class Tab:
    """What a browser's tab knows of the page, and what it does with the page's timers."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.exceptions: list[str] = []
        """What the page showed as an error of its own program."""
        self.received_bytes = self.messages = 0
        self.runs = 0
        """Of the whole page, those that came to their end."""
        self._buttons: dict[str, str] = {}
        """Their ids, by label."""
        self._page = ""
        self._timers: dict[str, tuple[float, float]] = {}
        """Of a fragment: its interval, and when it is due."""
        self._asked: dict[str, float] = {}
        self._running: list[str] = []

    def next_at(self) -> float:
        return min((due for _, due in self._timers.values()), default=float("inf"))

    def due(self, now: float) -> list[bytes]:
        """Requests for the ticks whose time has come."""
        requests = []
        for fragment, (interval, due) in self._timers.items():
            if now >= due:
                asking = BackMsg()
                asking.rerun_script.page_script_hash = self._page
                asking.rerun_script.fragment_id = fragment
                asking.rerun_script.is_auto_rerun = True
                requests.append(asking.SerializeToString())
                self._timers[fragment] = (interval, max(due + interval, now))
                self._asked.setdefault(fragment, now)
        return requests

    def take(self, answer: bytes) -> None:
        self.received_bytes += len(answer)
        self.messages += 1
        message = ForwardMsg.FromString(answer)
        match message.WhichOneof("type"):
            case "new_session":
                self._ended()  # where the last run's end was not told
                self._page = message.new_session.page_script_hash
                self._running = list(message.metadata.run.fragment_ids)
                if not self._running:  # the whole page anew
                    self._timers.clear()
                    self._asked.clear()
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
        """The request that a click on the button of this label makes."""
        asking = BackMsg()
        asking.rerun_script.page_script_hash = self._page
        asking.rerun_script.widget_states.widgets.add(id=self._buttons[label], trigger_value=True)
        return asking.SerializeToString()

    def _ended(self) -> None:
        """The fragments that ran are drawn."""
        now = time.monotonic()
        for fragment in self._running:
            asked = self._asked.pop(fragment, None)
            if asked is not None:
                self.ticks.append(Tick(fragment, asked, now - asked))
        self._running = []


class Viewer:
    """Opens the dashboard's first page; several share one thread with `look_on_together`."""

    def __init__(self, address: str) -> None:
        self.tab = Tab()
        self.closed = False
        """The server, or the way to it, ended the session."""
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
        self._protocol.send_binary(request)
        self._flush()

    def ask_for_due_ticks(self, now: float) -> None:
        for request in self.tab.due(now):
            self.send(request)

    def receive(self) -> None:
        """Takes what has come; waits for a first piece of it."""
        data = self.socket.recv(_RECEIVE_BYTES)
        if data:
            self._protocol.receive_data(data)
        self.closed |= not data
        self._flush()  # the answers to pings
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame) and frame.opcode is Opcode.BINARY:
                assert frame.fin  # the server sends a message in one frame
                self.tab.take(frame.data)

    def look_on(self, seconds: float) -> None:
        look_on_together([self], seconds)

    def click(self, label: str) -> None:
        """Waits until the whole page was drawn anew. Raises KeyError without such a button."""
        before = self.tab.runs
        self.send(self.tab.click(label))
        self._wait_for(lambda: self.tab.runs > before, f"A click on {label} had no answer")

    def wait_for_page(self) -> None:
        """Until it was drawn once."""
        self._wait_for(lambda: self.tab.runs > 0, "The page was not drawn")

    def wait_for_ticks(self, count: int) -> None:
        """Raises RuntimeError where they do not come."""
        self._wait_for(lambda: len(self.tab.ticks) >= count, f"The page did not tick {count} times")

    def _wait_for(self, condition: Callable[[], bool], problem: str) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while not condition():
            if time.monotonic() > until:
                raise RuntimeError(f"{problem} in {WAIT_SECONDS:g} s.")
            self.look_on(0.05)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.socket.sendall(data)


def look_on_together(viewers: list[Viewer], seconds: float) -> None:
    """Does for so long what their tabs would do."""
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
                key.data.ask_for_due_ticks(now)


def _wait(selector: selectors.BaseSelector, now: float, until: float) -> float:
    next_at = min((key.data.tab.next_at() for key in selector.get_map().values()), default=until)
    return max(0.0, min(next_at, until) - now)
