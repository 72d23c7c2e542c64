"""Gradient noise in the store: the last measurement of each run."""

import dataclasses
import json
from collections.abc import Collection
from contextlib import suppress

from s2s.analysis.advice.gradient_noise import RunNoise
from s2s.store.json_columns import UNREADABLE
from s2s.store.runs import Store


def keep_noise(store: Store, noise: RunNoise) -> None:
    """In place of an earlier one; not of a run that was purged meanwhile."""
    with store.transaction() as database:
        database.execute(
            "INSERT OR REPLACE INTO gradient_noise SELECT id, ? FROM runs WHERE id = ?",
            (json.dumps(dataclasses.asdict(noise)), noise.run_id),
        )


def kept_noise(store: Store, run_ids: Collection[int]) -> list[RunNoise]:
    """Those of these runs that were measured, by run id."""
    rows = store.read("SELECT run_id, noise FROM gradient_noise ORDER BY run_id")
    found = []
    for row in rows:
        if row["run_id"] in run_ids:
            with suppress(*UNREADABLE):  # another version's: it can be measured again
                found.append(RunNoise.from_json(json.loads(row["noise"])))
    return found
