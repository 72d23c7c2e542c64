"""Write and read a run's records: steps, evaluations, device samples, gradient noise."""

import dataclasses
import json
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from s2s.records import STEP_DTYPE, DeviceSample, Evaluation
from s2s.store.database import Database
from s2s.store.rows import PARSE_ERRORS, parse_translations

if TYPE_CHECKING:
    from s2s.analysis.advice.gradient_noise import RunNoise

RECORD_WAIT_SECONDS = 1.0
"""How long to wait while another process writes. The recorder retries after that."""


class RunRecords(Database):
    """The part of the store that writes and reads the records of runs."""

    def write_steps(self, run_id: int, block: npt.NDArray[np.void]) -> None:
        """Add a block of STEP_DTYPE rows. It replaces a block with the same first iteration."""
        first, last = int(block["iteration"][0]), int(block["iteration"][-1])
        with self.transaction(RECORD_WAIT_SECONDS) as database:
            database.execute(
                "INSERT OR REPLACE INTO step_blocks VALUES (?, ?, ?, ?)",
                (run_id, first, last, block.tobytes()),
            )
            database.execute(
                "UPDATE runs SET iterations_done = ?, heartbeat = heartbeat + 1 WHERE id = ?",
                (last, run_id),
            )

    def steps(self, run_id: int, after: int = 0) -> npt.NDArray[np.void]:
        """Return the steps after the iteration `after` as STEP_DTYPE rows, in order."""
        # Start at the block that contains the first of these steps.
        rows = self.read(
            "SELECT rows FROM step_blocks WHERE run_id = :run AND first_iteration >="
            " (SELECT coalesce(max(first_iteration), 0) FROM step_blocks"
            "  WHERE run_id = :run AND first_iteration <= :first)"
            " ORDER BY first_iteration",
            {"run": run_id, "first": after + 1},
        )
        steps = np.frombuffer(b"".join(row[0] for row in rows), dtype=STEP_DTYPE)
        return steps[np.searchsorted(steps["iteration"], after, side="right") :]

    def add_evaluation(self, run_id: int, evaluation: Evaluation) -> None:
        values = dataclasses.asdict(evaluation)
        values["translations"] = json.dumps(values["translations"])
        query = "INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?)"
        self.write(query, (run_id, *values.values()), RECORD_WAIT_SECONDS)

    def evaluations(self, run_id: int, after: int = -1) -> list[Evaluation]:
        """Return the evaluations after the iteration `after`, in order."""
        rows = self.read(
            "SELECT iteration, training_seconds, validation_loss_per_token, translations"
            " FROM evaluations WHERE run_id = ? AND iteration > ? ORDER BY iteration",
            (run_id, after),
        )
        return [
            Evaluation(iteration, seconds, loss, parse_translations(translations))
            for iteration, seconds, loss, translations in rows
        ]

    def add_device_samples(self, run_id: int, samples: Sequence[DeviceSample]) -> None:
        with self.transaction(RECORD_WAIT_SECONDS) as database:
            database.executemany(
                "INSERT INTO device_samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(run_id, *dataclasses.astuple(sample)) for sample in samples],
            )

    def device_samples(self, run_id: int, skip: int = 0) -> list[DeviceSample]:
        """Return the samples after the first `skip`, in the order in which they were taken."""
        rows = self.read(
            "SELECT * FROM device_samples WHERE run_id = ? ORDER BY rowid LIMIT -1 OFFSET ?",
            (run_id, skip),
        )
        samples = []
        for _run_id, *values, throttled in rows:
            values.append(None if throttled is None else bool(throttled))  # SQLite has no booleans
            samples.append(DeviceSample(*values))
        return samples

    def save_gradient_noise(self, noise: "RunNoise") -> None:
        """Save a measurement in place of the run's earlier one, unless the run has been purged."""
        self.write(
            "INSERT OR REPLACE INTO gradient_noise SELECT id, ? FROM runs WHERE id = ?",
            (json.dumps(dataclasses.asdict(noise)), noise.run_id),
        )

    def gradient_noise(self, run_ids: Collection[int]) -> "list[RunNoise]":
        """Return the measurements of these runs, sorted by run id. Some runs may have none."""
        from s2s.analysis.advice.gradient_noise import RunNoise  # slow: it imports scipy

        measurements = []
        for run_id, noise in self.read("SELECT * FROM gradient_noise ORDER BY run_id"):
            if run_id in run_ids:
                with suppress(*PARSE_ERRORS):  # skip those of other versions
                    measurements.append(RunNoise.from_json(json.loads(noise)))
        return measurements


def drop_records_after(database: sqlite3.Connection, run_id: int, iteration: int) -> None:
    """Delete the steps and evaluations after an iteration, within the caller's transaction."""
    after = (run_id, iteration)
    database.execute("DELETE FROM evaluations WHERE run_id = ? AND iteration > ?", after)
    database.execute("DELETE FROM step_blocks WHERE run_id = ? AND first_iteration > ?", after)
    database.execute(
        "UPDATE step_blocks SET last_iteration = :last,"
        " rows = substr(rows, 1, (:last - first_iteration + 1) * :row_bytes)"
        " WHERE run_id = :run AND last_iteration > :last",
        {"run": run_id, "last": iteration, "row_bytes": STEP_DTYPE.itemsize},
    )
