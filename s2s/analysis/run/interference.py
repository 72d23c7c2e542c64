"""Interference: other load on the machine while a run trained."""

from collections.abc import Sequence
from statistics import fmean

from s2s.records import DeviceSample, Interference, Run

_QUIET_CORES, _QUIET_SHARE = 0.2, 0.02
"""Load of other programs that is not interference: 0.2 cores, or 2% of all cores if more."""
_QUIET_THROTTLED_SHARE = 0.05
"""Share of throttled readings that is not interference: one may be left from an earlier run."""


def measure_interference(run: Run, samples: Sequence[DeviceSample]) -> Interference:
    """Return the other load on the machine during a run.

    The CPU load is the mean over the whole run if it was measured, else the mean of the device
    readings, else the load before the run.
    """
    before, after = run.machine_before, run.machine_after
    throttled = [each.throttled for each in samples if each.throttled is not None]
    loads = [each.other_load_cores for each in samples if each.other_load_cores is not None]
    load = before.other_load_cores if before else None
    if after and after.other_load_cores is not None:
        load = after.other_load_cores
    elif loads:
        load = fmean(loads)
    gpu_processes = [
        pid for state in (before, after) if state for pid, _ in state.gpu_other_processes or ()
    ]
    return Interference(
        other_load_cores=load,
        cores=run.environment.get("usable_cores") or run.environment.get("logical_cores") or 1,
        gpu_process_ids=tuple(sorted(set(gpu_processes))),
        throttled_share=fmean(throttled) if throttled else None,
    )


def is_processor_shared(interference: Interference) -> bool:
    """Return whether other programs used more of the processor than they do on a quiet machine."""
    quiet_cores = max(_QUIET_CORES, _QUIET_SHARE * interference.cores)
    return (interference.other_load_cores or 0.0) > quiet_cores


def is_throttled(interference: Interference) -> bool:
    """Return whether the GPU was slowed to limit its heat or power."""
    return (interference.throttled_share or 0.0) > _QUIET_THROTTLED_SHARE


def has_interference(interference: Interference) -> bool:
    """Return whether other load or throttling may have affected the timing."""
    is_gpu_shared = bool(interference.gpu_process_ids)
    return is_processor_shared(interference) or is_gpu_shared or is_throttled(interference)
