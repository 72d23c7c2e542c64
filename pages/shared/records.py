"""A run's records for pages: read once a process, then only what is new."""

import functools
import threading

import numpy as np

from s2s.analysis.run.steps import Steps
from s2s.records import DeviceSample, Evaluation
from s2s.store.runs import Store


class Records:
    """What the store holds of one run. Any number of sessions read it at the same time."""

    def __init__(self, store: Store, run_id: int) -> None:
        self._store, self._run_id = store, run_id
        self._lock = threading.Lock()
        self._steps = store.steps(run_id)
        self._evaluations: list[Evaluation] = store.evaluations(run_id)
        self._samples, self._last_sample = store.device_samples_after(run_id, 0)

    def read(self) -> tuple[Steps, list[Evaluation], list[DeviceSample]]:
        """Steps, evaluations and device readings up to now."""
        with self._lock:
            last = int(self._steps["iteration"][-1]) if len(self._steps) else 0
            fresh = self._store.steps(self._run_id, after=last)
            if len(fresh):
                self._steps = np.concatenate((self._steps, fresh))
            seen = self._evaluations[-1].iteration if self._evaluations else -1
            self._evaluations += self._store.evaluations(self._run_id, after=seen)
            new, self._last_sample = self._store.device_samples_after(
                self._run_id, self._last_sample
            )
            self._samples += new
            return self._steps, list(self._evaluations), list(self._samples)


@functools.lru_cache(maxsize=64)
def _records(store: Store, run_id: int, resumed_at: tuple[int, ...]) -> Records:
    """`resumed_at`: what a run had made after its checkpoint goes when it is resumed."""
    del resumed_at
    return Records(store, run_id)


def records(store: Store, run_id: int) -> tuple[Steps, list[Evaluation], list[DeviceSample]]:
    """Steps, evaluations and device readings of a run up to now. UserError: no such run."""
    return _records(store, run_id, store.run(run_id).resumed_at).read()
