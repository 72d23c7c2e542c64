"""Gradient noise measured in the background of the dashboard."""

from collections.abc import Iterator
from threading import Event

import pytest

from s2s.background.scheduler import Manager
from s2s.config import UserError
from s2s.runs.execute import execute
from s2s.runs.gradient_noise import noise_of_run
from s2s.store import Store
from tests.tiny import tiny_config, wait_until


@pytest.fixture
def manager(store: Store) -> Iterator[Manager]:
    made = Manager(store)
    yield made
    made.close()


@pytest.mark.usefixtures("tiny")
def test_a_measurement_is_saved(manager: Manager) -> None:
    run_id = manager.store.create_run(tiny_config(iterations=5))
    execute(manager.store, run_id, Event())
    manager.measure_noise(run_id)
    assert manager.noise_progress(run_id) is not None
    wait_until(lambda: manager.noise_progress(run_id) is None)
    assert manager.store.gradient_noise([run_id]) == [noise_of_run(run_id)]


def test_a_run_without_weights_is_an_error(manager: Manager) -> None:
    manager.measure_noise(9)
    wait_until(lambda: isinstance(manager.noise_progress(9), UserError))
