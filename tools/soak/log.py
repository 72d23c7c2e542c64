"""A log that outlives the process that writes it: each event is in the file once written."""

import json
import os
import time
from pathlib import Path
from typing import Any


class Log:
    """Appends events; `at` is on the monotonic clock, which all processes of a machine share."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, event: str, **values: Any) -> None:
        line = json.dumps({"event": event, "at": time.monotonic(), **values}) + "\n"
        os.write(self._file, line.encode())


def read_log(path: Path) -> list[dict[str, Any]]:
    """The events so far; a line that the kill cut is left out."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]
