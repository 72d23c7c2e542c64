"""The latest bench, kept as JSON where every page and command of this machine finds it."""

import dataclasses
import json
import os
from pathlib import Path

from s2s.errors import UserError
from s2s.paths import home, make_folder
from s2s.records import BenchReport, BenchRow
from s2s.validation import parse_dataclass

_MOST_BYTES = 10 * 2**20


def keep_bench(report: BenchReport) -> None:
    """In the place of the one before, unless that is whole and this one was broken off.

    Raises UserError where it cannot be written.
    """
    last = latest_bench()
    if last and last.complete and not report.complete:
        return
    path = _path()
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        make_folder(path.parent)
        fresh.write_text(
            json.dumps(dataclasses.asdict(report), ensure_ascii=False, indent=1), encoding="utf-8"
        )
        fresh.replace(path)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}); set S2S_HOME to a folder that can."
        ) from error


def latest_bench() -> BenchReport | None:
    """None where there is none, or one that this version of s2s cannot read."""
    path = _path()
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return None
        values = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(parse_dataclass(BenchRow, row) for row in values.pop("rows"))
        notes = tuple(values.pop("notes"))
        return parse_dataclass(BenchReport, {**values, "rows": rows, "notes": notes})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _path() -> Path:
    return home() / "bench.json"
