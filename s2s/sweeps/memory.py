"""What training takes at a sweep's batch sizes: measured in a process of its own, and kept.

Runs in one process reuse each other's memory, so that on a processor none of them tells its own. On
a GPU torch counts each run's bytes, and nothing has to be measured here.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence

import psutil

from s2s.config import TrainConfig
from s2s.records import Run, StepMemory, Sweep, SweepPart
from s2s.store.runs import Store
from s2s.sweeps import own_process

START_SECONDS = 5.0
"""About what a fresh process takes to load torch and to build a model, for estimates."""
STEPS = 12
_LOOK_SECONDS = 0.1


def available_bytes(store: Store, runs: Sequence[Run]) -> int | None:
    """For one more run on the device of these: what this machine has left now, or all of the GPU.

    None where nothing told the GPU's memory.
    """
    if not any(run.device.startswith("cuda") for run in runs):
        return int(psutil.virtual_memory().available)
    for run in runs:
        for sample in store.device_samples(run.id):
            if sample.memory_total_bytes:
                return sample.memory_total_bytes
    return None


def lacks_memory(sweep: Sweep, part: SweepPart) -> bool:
    """Whether it is to be measured before this part; a failure is not tried again."""
    known = {(each.engine, each.batch_size) for each in sweep.memory}
    return (part.engine, part.batch_size) not in known


def measure_memory(
    store: Store, sweep_id: int, config: TrainConfig, given_up: Callable[[], bool]
) -> None:
    """Of the first steps of this run. Whatever goes wrong with them leaves a gap; nothing is kept
    where `given_up` became true first. The device's lease is the caller's.
    """
    if found := in_a_process(config, given_up):
        with store.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO sweep_memory VALUES (?, ?, ?, ?, ?)",
                (sweep_id, found.engine, found.batch_size, found.peak_bytes, found.padded_tokens),
            )


def in_a_process(config: TrainConfig, given_up: Callable[[], bool]) -> StepMemory | None:
    """None where `given_up` became true before the steps were done."""
    steps = min(STEPS, config.iterations)
    wanted = {"config": config.to_json(), "steps": steps, "asked_by": os.getpid()}
    process = subprocess.Popen(  # noqa: S603 (ours)
        own_process.command("s2s.sweeps.memory_process", wanted),
        env=own_process.environment_for(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C is for the sweep, which then ends this
    )
    with process:
        try:
            while process.poll() is None:
                if given_up():
                    return None
                time.sleep(_LOOK_SECONDS)
        finally:
            process.kill()
        output = process.communicate()[0]
    if process.returncode:
        return StepMemory(config.engine, config.batch_size, None, None)
    return StepMemory(config.engine, config.batch_size, **json.loads(output))
