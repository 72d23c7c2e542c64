"""A viewer without a browser: holds the dashboard's websocket and asks for every tick."""

import time

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

WAIT_SECONDS = 30.0


class Viewer:
    """Opens the dashboard's first page, and does with its timers what a browser does."""

    def __init__(self, address: str) -> None:
        self.ticks = 0
        """Fragments that the server has drawn anew."""
        self.received_bytes = 0
        self._page = ""
        self._timers: dict[str, tuple[float, float]] = {}
        """Of a fragment: its interval, and when it is due."""
        self._socket: ClientConnection = connect(
            f"{address.replace('http', 'ws', 1)}/_stcore/stream", max_size=None
        )
        opening = BackMsg()
        opening.rerun_script.query_string = ""
        self._socket.send(opening.SerializeToString())

    def __enter__(self) -> "Viewer":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def look_on(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            self._ask_for_due_ticks(now)
            next_at = min((due for _, due in self._timers.values()), default=until)
            try:
                answer = self._socket.recv(max(0.0, min(next_at, until) - time.monotonic()))
            except TimeoutError:
                continue
            assert isinstance(answer, bytes)
            self._take(answer)

    def wait_for_ticks(self, count: int) -> None:
        """Raises RuntimeError where they do not come."""
        until = time.monotonic() + WAIT_SECONDS
        while self.ticks < count:
            if time.monotonic() > until:
                raise RuntimeError(f"The page ticked {self.ticks} times in {WAIT_SECONDS:g} s.")
            self.look_on(0.1)

    def _ask_for_due_ticks(self, now: float) -> None:
        for fragment, (interval, due) in self._timers.items():
            if now >= due:
                asking = BackMsg()
                asking.rerun_script.page_script_hash = self._page
                asking.rerun_script.fragment_id = fragment
                asking.rerun_script.is_auto_rerun = True
                self._socket.send(asking.SerializeToString())
                self._timers[fragment] = (interval, max(due + interval, now))

    def _take(self, answer: bytes) -> None:
        self.received_bytes += len(answer)
        message = ForwardMsg.FromString(answer)
        match message.WhichOneof("type"):
            case "new_session":
                self._page = message.new_session.page_script_hash
                if not message.metadata.run.fragment_ids:  # the whole page anew
                    self._timers.clear()
            case "auto_rerun":
                timer = message.auto_rerun
                self._timers[timer.fragment_id] = (
                    timer.interval,
                    time.monotonic() + timer.interval,
                )
            case "stop_auto_rerun":
                for fragment in message.stop_auto_rerun.fragment_ids:
                    self._timers.pop(fragment, None)
            case "script_finished":
                drawn = ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
                self.ticks += message.script_finished == drawn
