"""Parse rows of the store into records.

The JSON in their columns is checked, because another version of s2s may have written it.
"""

import functools
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TypeVar

from s2s.config import SweepConfig, TrainConfig
from s2s.errors import UserError, shorten
from s2s.records import MachineState, Remark, Run, RunState, SampleTranslation, Summary
from s2s.validation import check_text, parse_dataclass

T = TypeVar("T")
PARSE_ERRORS = (UserError, ValueError, TypeError, LookupError, AttributeError, RecursionError)


@contextmanager
def wrap_parse_errors(kind: str, row: sqlite3.Row) -> Iterator[None]:
    """Convert an error in parsing the row to a UserError that names the row."""
    try:
        yield
    except PARSE_ERRORS as error:
        reason = shorten(str(error), 150).rstrip(".")
        raise UserError(
            f"{kind} {row['id']} cannot be read ({reason}). If a newer version of s2s wrote it, "
            "update s2s."
        ) from error


def parse_rows(
    rows: Iterable[sqlite3.Row], parse: Callable[[sqlite3.Row], T]
) -> tuple[list[T], list[str]]:
    """Return the records of the readable rows, and an error message for each of the others."""
    parsed, problems = [], []
    for row in rows:
        try:
            parsed.append(parse(row))
        except UserError as error:
            problems.append(str(error))
    return parsed, problems


def parse_run(row: sqlite3.Row) -> Run:
    """Return the run; raise UserError if this version cannot read it."""
    values = {field.name: row[field.name] for field in fields(Run)}
    with wrap_parse_errors("Run", row):
        remarks = json.loads(row["remarks"])
        return Run(
            **values
            | {
                "state": RunState(row["state"]),
                "config": TrainConfig.from_json(json.loads(row["config"])),
                "environment": dict(json.loads(row["environment"])),
                "summary": _parse_json(Summary, row["summary"]),
                "remarks": tuple(parse_dataclass(Remark, each) for each in remarks),
                "machine_before": _parse_json(MachineState, row["machine_before"]),
                "machine_after": _parse_json(MachineState, row["machine_after"]),
                "tags": tuple(check_text(tag, "A tag") for tag in json.loads(row["tags"])),
                "resumed_at": tuple(json.loads(row["resumed_at"])),
                "dismissed": bool(row["dismissed"]),
            }
        )


@functools.lru_cache(maxsize=10_000)
def parse_ended_run(row: sqlite3.Row) -> Run:
    """Return the run. Cache it, because pages list thousands of ended runs at every click."""
    return parse_run(row)


def parse_sweep_config(row: sqlite3.Row) -> SweepConfig:
    with wrap_parse_errors("Sweep", row):
        return SweepConfig.from_json(json.loads(row["config"]))


def parse_translations(column: str) -> tuple[SampleTranslation, ...]:
    """Return the translations. If they are unreadable, return none: the loss is still of use."""
    try:
        return tuple(parse_dataclass(SampleTranslation, each) for each in json.loads(column))
    except PARSE_ERRORS:
        return ()


def _parse_json(kind: type[T], column: str | None) -> T | None:
    return None if column is None else parse_dataclass(kind, json.loads(column))
