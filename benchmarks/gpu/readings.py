"""The readings section: the GPU as NVML and GPUtil report it, side by side, while it trains."""

import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from benchmarks.gpu.setup import Setup
from s2s.machine.gpus import GpuReading, get_gpu_error, get_nvml_handle, read_gpus
from s2s.machine.sampler import DeviceSampler
from s2s.training.trainer import Trainer
from s2s.translation.task import TranslationTask

_GPUTIL_READINGS = 3
_FIELDS = ("utilization", "memory_used_bytes", "memory_total_bytes", "temperature_celsius")


def compare_readings(setup: Setup) -> Iterator[dict[str, Any]]:
    """Yield the medians of both sources over the same seconds of training."""
    config = setup.config(batch_size=max(setup.batch_sizes[0], 128))
    trainer = Trainer(TranslationTask(config, setup.corpus(), setup.torch_device))
    sampler = DeviceSampler(setup.device, setup.seconds / 2)
    trainer.step()
    sampler.start()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(_read_gputil, setup)
        while not reading.done():
            trainer.step()
    sampler.stop()
    samples = sampler.drain()[1:]  # the first one was taken before the GPU was busy
    cuda = setup.torch_device.type == "cuda"
    nvml = cuda and get_nvml_handle(setup.device) is not None
    yield {
        "source": "NVML" if nvml else "nvidia-smi" if cuda else "psutil",
        "readings": len(samples),
        **_medians(samples),
    }
    gpus, seconds, reason = reading.result()
    yield {
        "source": "GPUtil",
        "readings": len(gpus),
        **_medians(gpus),
        "seconds_per_reading": seconds,
        "note": reason,
    }


def _read_gputil(setup: Setup) -> tuple[list[GpuReading], float, str]:
    """Return readings of this GPU alone, seconds per reading, and why there is none."""
    uuid = ""
    if setup.torch_device.type == "cuda":
        uuid = f"GPU-{torch.cuda.get_device_properties(setup.device).uuid}"
    found, seconds, reason = [], [], ""
    for _ in range(_GPUTIL_READINGS):
        time.sleep(2 * setup.seconds)
        started = time.perf_counter()
        gpus = read_gpus()
        seconds.append(time.perf_counter() - started)
        reason = reason or get_gpu_error()
        found += [gpu for gpu in gpus if gpu.uuid == uuid]
    return found, statistics.median(seconds), reason


def _medians(readings: Sequence[Any]) -> dict[str, float | None]:
    """Return the median of each field over the readings that report it; None: none does."""
    values = {
        name: [value for each in readings if (value := getattr(each, name)) is not None]
        for name in _FIELDS
    }
    return {name: statistics.median(found) if found else None for name, found in values.items()}
