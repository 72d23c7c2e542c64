"""A log whose events survive a kill of the process that writes it."""

import json
import os
import time
from pathlib import Path
from typing import Any


class Log:
    """Appends events without a buffer.

    Their field `at` is on the monotonic clock, which all processes of a machine share.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, event: str, **values: Any) -> None:
        """Append an event."""
        line = json.dumps({"event": event, "at": time.monotonic(), **values}) + "\n"
        os.write(self._file, line.encode())


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return the events so far, without a line that the kill cut off."""
    if not path.exists():
        return []
    complete, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in complete.splitlines()]
