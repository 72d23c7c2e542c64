"""Gradient noise in the store, measured in the background."""

from collections.abc import Iterator
from threading import Event

import pytest

from s2s.analysis.advice.gradient_noise import NoiseScale, RunNoise
from s2s.analysis.estimate import Estimate
from s2s.background.scheduler import Manager
from s2s.errors import UserError
from s2s.runs.execute import execute
from s2s.runs.gradient_noise import noise_of_run
from s2s.store import Store
from tests.tiny import tiny_config, wait_until

ONE = Estimate(1.0, 0.5, 2.0)


def noise(run_id: int, iteration: int = 5) -> RunNoise:
    return RunNoise(run_id, iteration, 640, 32, 64, NoiseScale(ONE, ONE, ONE))


def test_the_last_measurement_of_each_run(store: Store) -> None:
    for _ in range(2):
        store.create_run(tiny_config())
    for each in (noise(1), noise(2), noise(1, 9), noise(77)):
        store.save_gradient_noise(each)
    assert store.gradient_noise([1, 2, 77]) == [noise(1, 9), noise(2)]
    assert store.gradient_noise([2]) == [noise(2)]
    store.request_stop(2)
    store.delete_run(2)
    store.purge_run(2)
    assert store.gradient_noise([1, 2]) == [noise(1, 9)]


@pytest.fixture
def manager(store: Store) -> Iterator[Manager]:
    made = Manager(store)
    yield made
    made.close()


@pytest.mark.usefixtures("tiny")
def test_measured_in_the_background(manager: Manager) -> None:
    run_id = manager.store.create_run(tiny_config(iterations=5))
    execute(manager.store, run_id, Event())
    manager.measure_noise(run_id)
    assert manager.noise_progress(run_id) is not None
    wait_until(lambda: manager.noise_progress(run_id) is None)
    assert manager.store.gradient_noise([run_id]) == [noise_of_run(run_id)]


def test_a_run_without_weights_says_so(manager: Manager) -> None:
    manager.measure_noise(9)
    wait_until(lambda: isinstance(manager.noise_progress(9), UserError))
    assert "Run 9 has no checkpoint" in str(manager.noise_progress(9))
