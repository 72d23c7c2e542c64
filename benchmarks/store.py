"""Time the store: recording while a run trains, and reading for a chart.

    python -m benchmarks.store

Prints one JSON object: the share of a run's training time that recording took, and the median
milliseconds to read a run of 100,000 steps and compute its loss curve.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from threading import Event

import numpy as np

from s2s.analysis.run.steps import Axis, LossScale, build_loss_curve
from s2s.config import TrainConfig
from s2s.records import STEP_DTYPE
from s2s.runs import execute as execute_module
from s2s.runs.recorder import Recorder
from s2s.store import Store

STEPS, BLOCK, REPEATS = 100_000, 1024, 20


def main() -> None:
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["S2S_HOME"] = folder
        store = Store(Path(folder))
        print(json.dumps({**time_recording(store), **time_reading(store)}))


def time_recording(store: Store) -> dict[str, float]:
    """Return the share of two runs: one with short steps, and the article's batch size."""
    shares = {}
    for batch_size in (2, 32):
        flush_seconds: list[float] = []

        class ObservedRecorder(Recorder):
            def flush(self) -> bool:
                start = time.perf_counter()
                is_written = super().flush()
                flush_seconds.append(time.perf_counter() - start)  # noqa: B023 (in this iteration)
                return is_written

        execute_module.Recorder = ObservedRecorder
        config = TrainConfig(batch_size=batch_size, iterations=100_000, max_seconds=15.0)
        run_id = store.create_run(config)
        execute_module.execute(store, run_id, Event())
        seconds = store.run(run_id).summary.seconds
        shares[f"store_share_batch_{batch_size}"] = round(sum(flush_seconds) / seconds, 5)
    return shares


def time_reading(store: Store) -> dict[str, float]:
    """Return the time to read many steps and compute their curve."""
    run_id = store.create_run(TrainConfig())
    steps = np.zeros(STEPS, STEP_DTYPE)
    steps["iteration"] = np.arange(1, STEPS + 1)
    steps["loss_sum"] = np.random.default_rng(0).random(STEPS)
    for name in ("samples", "source_tokens", "target_tokens", "padded_tokens", "seconds", "timed"):
        steps[name] = 1
    for start in range(0, STEPS, BLOCK):
        store.write_steps(run_id, steps[start : start + BLOCK])
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        build_loss_curve(store.steps(run_id), Axis.ITERATIONS, LossScale.TOKEN)
        times.append(1000 * (time.perf_counter() - start))
    return {"read_100k_steps_ms": round(statistics.median(times), 2)}


if __name__ == "__main__":
    main()
