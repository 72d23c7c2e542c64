"""Export all runs: as CSV with one row per step, or as JSON with one line per run."""

import csv
import dataclasses
import json
import re
from math import isfinite
from typing import IO

from s2s.records import STEP_DTYPE, Run
from s2s.store import Store

_FORMULA_STARTS = re.compile(r"""^(?=[\t\r\n])|(?:^|[;|\t\r\n])["\s]*(?=[=+\-@＝＋－＠])""")
"""Starts of formulas, even after a separator: some spreadsheets split cells at semicolons."""
_RUN_COLUMNS = ("run_id", "name", "state", "corpus", "engine", "batch_size", "seed", "device")
_LONG_VALUES = ("environment", "machine_before", "machine_after", "traceback")


def export_csv(store: Store, file: IO[str]) -> None:
    """Write one row per step. Its first columns describe the run."""
    assert STEP_DTYPE.names is not None
    writer = csv.writer(file)
    writer.writerow([*_RUN_COLUMNS, *STEP_DTYPE.names])
    for run in reversed(store.runs(archived=True)):
        values = {**vars(run.config), **vars(run), "run_id": run.id}
        columns = [escape_csv_cell(values[name]) for name in _RUN_COLUMNS]
        writer.writerows([*columns, *row] for row in store.steps(run.id).tolist())


def export_json(store: Store, file: IO[str]) -> None:
    """Write one line of JSON per run, with its records."""
    for run in reversed(store.runs(archived=True)):
        steps = store.steps(run.id)
        values = {
            **run_to_json(run, *_LONG_VALUES),
            "steps": {
                # JSON has neither NaN nor infinity, so such a value becomes null.
                name: [value if isfinite(value) else None for value in steps[name].tolist()]
                for name in STEP_DTYPE.names or ()
            },
            "evaluations": [dataclasses.asdict(each) for each in store.evaluations(run.id)],
            "device_samples": [dataclasses.asdict(each) for each in store.device_samples(run.id)],
        }
        file.write(json.dumps(values, ensure_ascii=False) + "\n")


def run_to_json(run: Run, *details: str) -> dict[str, object]:
    """Return a run's values for JSON. Long values are included only if `details` names them."""
    values = {"run_id": run.id, **dataclasses.asdict(run)}
    hidden = {"id", "deleted_at", *_LONG_VALUES} - set(details)
    return {name: value for name, value in values.items() if name not in hidden}


def escape_csv_cell(value: object) -> object:
    """Put an apostrophe before text that would run as a formula (OWASP: CSV Injection)."""
    return _FORMULA_STARTS.sub(r"\g<0>'", value) if isinstance(value, str) else value
