"""Rows of the store as the nouns of records.py, and what of these goes into a column."""

import dataclasses
import functools
import json
import sqlite3

from s2s.config import SweepConfig, TrainConfig
from s2s.records import (
    DeviceSample,
    MachineState,
    Run,
    RunState,
    SampleTranslation,
    Summary,
)
from s2s.store.json_columns import UNREADABLE, told
from s2s.validation import read_as, text


@told("Run")
def run_of(row: sqlite3.Row) -> Run:
    """UserError where this version cannot read it."""
    summary = json.loads(row["summary"]) if row["summary"] else None
    return Run(
        id=row["id"],
        name=row["name"],
        state=RunState(row["state"]),
        config=TrainConfig.from_json(json.loads(row["config"])),
        environment=dict(json.loads(row["environment"])),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        message=row["message"],
        details=row["details"],
        device=row["device"],
        iterations_done=row["iterations_done"],
        summary=summary and read_as(Summary, {**summary, "state": RunState(summary["state"])}),
        machine_before=machine_state(row["machine_before"]),
        machine_after=machine_state(row["machine_after"]),
        notes=row["notes"],
        tags=tuple(text(tag, "A tag") for tag in json.loads(row["tags"])),
        archived_at=row["archived_at"],
        deleted_at=row["deleted_at"],
        resumed_at=tuple(json.loads(row["resumed_at"])),
        dismissed=bool(row["dismissed"]),
    )


@functools.lru_cache(maxsize=10_000)
def finished_run_of(row: sqlite3.Row) -> Run:
    """As `run_of`. A finished run hardly ever changes, and a page lists thousands at each click."""
    return run_of(row)


@told("Sweep")
def sweep_config_of(row: sqlite3.Row) -> SweepConfig:
    """UserError where this version cannot read it."""
    return SweepConfig.from_json(json.loads(row["config"]))


def translations_of(row: sqlite3.Row) -> tuple[SampleTranslation, ...]:
    """Of an evaluation; none where they cannot be read: its loss is still good."""
    try:
        return tuple(read_as(SampleTranslation, each) for each in json.loads(row["translations"]))
    except UNREADABLE:
        return ()


def device_sample_of(row: sqlite3.Row) -> DeviceSample:
    """SQLite keeps truth as a number."""
    values = {name: value for name, value in dict(row).items() if name != "rowid"}
    throttled = values["throttled"]
    return DeviceSample(**values | {"throttled": None if throttled is None else bool(throttled)})


def machine_json(state: MachineState | None) -> str | None:
    return None if state is None else json.dumps(dataclasses.asdict(state))


def machine_state(kept: str | None) -> MachineState | None:
    if kept is None:
        return None
    values = json.loads(kept)
    slowed_by, others = values["gpu_slowed_by"], values["gpu_other_processes"]
    values["gpu_slowed_by"] = None if slowed_by is None else tuple(slowed_by)
    values["gpu_other_processes"] = None if others is None else tuple(map(tuple, others))
    return read_as(MachineState, values)
