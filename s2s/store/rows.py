"""Rows of the store as the records of records.py, and the JSON in their columns.

Everything is checked when it is read, because another version of s2s may have written it.
"""

import dataclasses
import functools
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from s2s.config import SweepConfig, TrainConfig
from s2s.errors import UserError, shorten
from s2s.records import (
    DeviceSample,
    Interference,
    MachineState,
    Remark,
    RemarkKind,
    Run,
    RunState,
    SampleTranslation,
    Summary,
)
from s2s.validation import check_text, parse_dataclass

T = TypeVar("T")
PARSE_ERRORS = (UserError, ValueError, TypeError, LookupError, AttributeError, RecursionError)


def explain_parse_errors(
    kind: str,
) -> Callable[[Callable[[sqlite3.Row], T]], Callable[[sqlite3.Row], T]]:
    """Make a function that parses a row raise UserError, naming the row's kind and id."""

    def decorate(parse: Callable[[sqlite3.Row], T]) -> Callable[[sqlite3.Row], T]:
        @functools.wraps(parse)
        def parse_or_explain(row: sqlite3.Row) -> T:
            try:
                return parse(row)
            except PARSE_ERRORS as error:
                reason = shorten(str(error), 150).rstrip(".")
                raise UserError(
                    f"{kind} {row['id']} cannot be read ({reason}). If a newer version of s2s "
                    "wrote it, update s2s."
                ) from error

        return parse_or_explain

    return decorate


def parse_rows(
    rows: Iterable[sqlite3.Row], parse: Callable[[sqlite3.Row], T]
) -> tuple[list[T], list[str]]:
    """Return the records of the readable rows, and an error message for each of the others."""
    records, problems = [], []
    for row in rows:
        try:
            records.append(parse(row))
        except UserError as error:
            problems.append(str(error))
    return records, problems


@explain_parse_errors("Run")
def parse_run(row: sqlite3.Row) -> Run:
    return Run(
        id=row["id"],
        name=row["name"],
        state=RunState(row["state"]),
        config=TrainConfig.from_json(json.loads(row["config"])),
        environment=dict(json.loads(row["environment"])),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        device=row["device"],
        iterations_done=row["iterations_done"],
        summary=parse_summary(row["summary"]),
        remarks=parse_remarks(row["remarks"]),
        error=row["error"],
        traceback=row["traceback"],
        machine_before=parse_machine_state(row["machine_before"]),
        machine_after=parse_machine_state(row["machine_after"]),
        notes=row["notes"],
        tags=tuple(check_text(tag, "A tag") for tag in json.loads(row["tags"])),
        archived_at=row["archived_at"],
        deleted_at=row["deleted_at"],
        resumed_at=tuple(json.loads(row["resumed_at"])),
        dismissed=bool(row["dismissed"]),
    )


def remarks_json(remarks: Sequence[Remark]) -> str:
    return json.dumps([dataclasses.asdict(each) for each in remarks])


def parse_remarks(column: str) -> tuple[Remark, ...]:
    return tuple(
        parse_dataclass(Remark, each | {"kind": RemarkKind(each["kind"])})
        for each in json.loads(column)
    )


def parse_summary(column: str | None) -> Summary | None:
    if column is None:
        return None
    values = json.loads(column)
    interference = values["interference"]
    interference["gpu_process_ids"] = tuple(interference["gpu_process_ids"])
    values["interference"] = parse_dataclass(Interference, interference)
    return parse_dataclass(Summary, values | {"state": RunState(values["state"])})


@functools.lru_cache(maxsize=10_000)
def parse_finished_run(row: sqlite3.Row) -> Run:
    """As `parse_run`, cached: pages list thousands of finished runs at each click."""
    return parse_run(row)


@explain_parse_errors("Sweep")
def parse_sweep_config(row: sqlite3.Row) -> SweepConfig:
    return SweepConfig.from_json(json.loads(row["config"]))


def parse_translations(row: sqlite3.Row) -> tuple[SampleTranslation, ...]:
    """Return an evaluation's translations; none if they cannot be read, its loss is still good."""
    try:
        return tuple(
            parse_dataclass(SampleTranslation, each) for each in json.loads(row["translations"])
        )
    except PARSE_ERRORS:
        return ()


def parse_device_sample(row: sqlite3.Row) -> DeviceSample:
    values = {name: value for name, value in dict(row).items() if name != "rowid"}
    throttled = values["throttled"]  # SQLite has no booleans
    return DeviceSample(**values | {"throttled": None if throttled is None else bool(throttled)})


def machine_state_json(state: MachineState | None) -> str | None:
    return None if state is None else json.dumps(dataclasses.asdict(state))


def parse_machine_state(column: str | None) -> MachineState | None:
    if column is None:
        return None
    values = json.loads(column)
    throttle_reasons, others = values["gpu_throttle_reasons"], values["gpu_other_processes"]
    values["gpu_throttle_reasons"] = None if throttle_reasons is None else tuple(throttle_reasons)
    values["gpu_other_processes"] = None if others is None else tuple(map(tuple, others))
    return parse_dataclass(MachineState, values)
