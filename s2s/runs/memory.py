"""Measure the memory that training needs at a batch size, in a separate process.

    python -m s2s.runs.memory '{"config": {...}, "steps": 12, "parent": 4711}'

On a CPU, runs in one process reuse each other's memory, so the peak of each is unknown. On a GPU,
torch reports the peak.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import psutil

from s2s.config import TrainConfig
from s2s.records import Run, StepMemory
from s2s.store import Store

START_SECONDS = 5.0
"""Approximate time that a new process needs to load torch and build a model."""
STEPS = 12
_POLL_SECONDS = 0.1


def available_memory_bytes(store: Store, runs: Sequence[Run]) -> int | None:
    """Return the available memory of this machine, or the total memory of the runs' GPU."""
    if not any(run.device.startswith("cuda") for run in runs):
        return int(psutil.virtual_memory().available)
    for run in runs:
        for sample in store.device_samples(run.id):
            if sample.memory_total_bytes:
                return sample.memory_total_bytes
    return None  # the GPU's driver did not report it


def measure_step_memory(config: TrainConfig, is_cancelled: Callable[[], bool]) -> StepMemory | None:
    """Measure the first steps of a run in a new process. The caller must hold the device.

    Returns:
        A record without values if the steps fail; `None` if the measurement was cancelled.
    """
    steps = min(STEPS, config.iterations)
    request = {"config": config.to_json(), "steps": steps, "parent": os.getpid()}
    process = subprocess.Popen(  # noqa: S603 (our own module)
        build_command(request),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C reaches only the caller, which then ends this process
    )
    with process:
        try:
            while process.poll() is None:
                if is_cancelled():
                    return None
                time.sleep(_POLL_SECONDS)
        finally:
            process.kill()
        output = process.communicate()[0]
    if process.returncode:
        return StepMemory(config.engine, config.batch_size, None, None)
    return StepMemory(config.engine, config.batch_size, **json.loads(output))


def build_command(request: Mapping[str, object]) -> list[str]:
    """Return the command line that runs this module."""
    return [sys.executable, "-m", "s2s.runs.memory", json.dumps(request)]


def main(argument: str) -> int:
    """Train the first steps. Print the peak memory and the most padded tokens of a step as JSON.

    Evaluation is skipped, because its memory does not depend on the batch size.

    Returns:
        The exit code, which is 1 if the parent process has ended.
    """
    from s2s.machine.peak_memory import PeakMemory, load_kernels
    from s2s.runs.execute import build_trainer
    from s2s.training.device import resolve_device

    request = json.loads(argument)
    config = TrainConfig.from_json(request["config"])
    device = resolve_device(config.device)
    load_kernels(device)
    memory, padded_tokens = PeakMemory(device), 0
    with memory.watch():
        trainer = build_trainer(config, device)
        for _ in range(request["steps"]):
            padded_tokens = max(padded_tokens, trainer.step().padded_tokens)
            if os.getppid() != request["parent"]:
                return 1
    print(json.dumps({"peak_bytes": memory.peak_bytes, "padded_tokens": padded_tokens}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
