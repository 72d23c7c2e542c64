"""Whether a run had its machine to itself."""

from collections.abc import Sequence

from s2s.formatting import percent
from s2s.records import DeviceSample, Run

MOST_CORES, MOST_SHARE = 0.2, 0.02
"""What others may use of a quiet machine: a fifth of one core, or 2 % of many."""
_THROTTLED_SHARE = 0.05
"""Of the readings: one alone may be the end of a run before."""


def busy(run: Run, samples: Sequence[DeviceSample]) -> str:
    """What else the machine did, in one sentence; empty where it was quiet or nothing is known."""
    found = [part for part in (_others(run, samples), _foreign(run), _slowed(samples)) if part]
    return _told(found)


def busy_with_others(used: float | None, cores: int) -> str:
    """The same where only the processor was looked at: `used` cores of `cores` by others."""
    found = _of_cores(used, cores)
    return _told([found] if found else [])


def other_load_cores(run: Run, samples: Sequence[DeviceSample]) -> float | None:
    """Processor cores that other programs kept busy during the run, or before it at its start."""
    if run.machine_after and run.machine_after.other_load_cores is not None:
        return run.machine_after.other_load_cores
    readings = [each.other_load_cores for each in samples if each.other_load_cores is not None]
    if readings:
        return sum(readings) / len(readings)
    return run.machine_before.other_load_cores if run.machine_before else None


def _told(found: Sequence[str]) -> str:
    return f"Measured on a busy machine: {', and '.join(found)}." if found else ""


def _others(run: Run, samples: Sequence[DeviceSample]) -> str:
    cores = run.environment.get("usable_cores") or run.environment.get("logical_cores") or 1
    return _of_cores(other_load_cores(run, samples), cores)


def _of_cores(used: float | None, cores: int) -> str:
    if used is None or used <= max(MOST_CORES, MOST_SHARE * cores):
        return ""
    of = f" of {cores} processor cores" if cores > 1 else " of the processor's one core"
    return f"other programs took {used:.1f}{of}"


def _foreign(run: Run) -> str:
    states = (run.machine_before, run.machine_after)
    pids = {pid for state in states if state for pid, _ in state.gpu_other_processes or ()}
    if not pids:
        return ""
    listed = ", ".join(map(str, sorted(pids)))
    return f"the GPU had other programs on it (process {listed})"


def _slowed(samples: Sequence[DeviceSample]) -> str:
    """A cap on power is how a busy GPU usually runs; heat and a failing supply are not."""
    readings = [each.throttled for each in samples if each.throttled is not None]
    if not readings or sum(readings) <= _THROTTLED_SHARE * len(readings):
        return ""
    share = percent(sum(readings) / len(readings))
    return f"heat or its power supply slowed the GPU down for {share} of the time"
