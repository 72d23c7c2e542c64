"""The latest bench report, stored as JSON for pages and commands."""

import dataclasses
import json
import os
from pathlib import Path

from s2s.bench_records import BenchReport
from s2s.errors import UserError
from s2s.paths import home, make_folder
from s2s.validation import parse_dataclass

_MAX_BYTES = 10 * 2**20


def save_bench(report: BenchReport) -> None:
    """Replace the latest report; an incomplete one never replaces a complete one.

    Raises:
        UserError: The file cannot be written.
    """
    latest = latest_bench()
    if latest and latest.complete and not report.complete:
        return
    path = _path()
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        make_folder(path.parent)
        temporary.write_text(
            json.dumps(dataclasses.asdict(report), ensure_ascii=False, indent=1), encoding="utf-8"
        )
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"Cannot write {path} ({error.strerror}). Set S2S_HOME to a writable folder."
        ) from error


def latest_bench() -> BenchReport | None:
    """Return the latest report; None if there is none that this version can read."""
    path = _path()
    try:
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return None
        return parse_dataclass(BenchReport, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _path() -> Path:
    return home() / "bench.json"
