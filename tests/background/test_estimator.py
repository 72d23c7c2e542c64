"""The dashboard's estimator: at once from earlier runs, else from trials in the background."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TypeVar

import pytest

from s2s.background import estimator as estimator_module
from s2s.background.estimates import RunEstimate
from s2s.background.estimator import Estimator
from s2s.background.work import BackgroundWork
from s2s.config import SweepConfig
from s2s.data import catalog
from s2s.errors import UserError
from s2s.locks import lease
from s2s.paths import corpora_folder
from s2s.runs.execute import execute
from s2s.store import Store
from s2s.sweeps.plan import plan
from tests.tiny import tiny_config, tiny_corpus, wait_until

T = TypeVar("T")
CONFIG = SweepConfig(
    base=tiny_config(), batch_sizes=(2, 4), repeats=2, budget="iterations", amount=5
)
pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def work() -> BackgroundWork:
    return BackgroundWork()


@pytest.fixture
def estimator(store: Store, work: BackgroundWork) -> Estimator:
    return Estimator(store, work)


def wait_for(ask: Callable[[], T | None]) -> T:
    """Ask as a page does, until there is an answer."""
    answers: list[T | None] = [None]

    def is_answered() -> bool:
        answers.append(ask())
        return answers[-1] is not None

    wait_until(is_answered)
    assert answers[-1] is not None
    return answers[-1]


def run_estimate(estimator: Estimator, **changes: object) -> RunEstimate:
    return wait_for(lambda: estimator.estimate_run(tiny_config(**changes)))


def test_devices(estimator: Estimator) -> None:
    assert estimator.devices() == []
    wait_until(lambda: bool(estimator.devices()))
    assert estimator.devices()[-1] == "cpu"


def test_a_trial_first_then_earlier_runs(estimator: Estimator, store: Store) -> None:
    assert estimator.estimate_run(tiny_config()) is None
    trial = run_estimate(estimator)
    assert trial.total_seconds > 10 * trial.step_seconds > 0
    assert store.runs() == []
    run_id = store.create_run(tiny_config())
    execute(store, run_id, Event())
    assert run_estimate(estimator).basis == f"run {run_id}"
    assert run_estimate(estimator, device="auto").basis == f"run {run_id}"


def test_a_trial_waits_for_the_device(estimator: Estimator, work: BackgroundWork) -> None:
    with lease("cpu", lambda: False):
        assert estimator.estimate_run(tiny_config()) is None
        assert estimator.estimate_run(tiny_config(hidden_size=4)) is None  # one at a time
        assert work.is_busy("trial")
    assert run_estimate(estimator).device == "cpu"


def test_a_failed_trial_is_repeated_after_a_while(
    estimator: Estimator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    catalog.remove(corpora_folder(), "tiny")
    with pytest.raises(UserError):
        run_estimate(estimator)
    tiny_corpus(tmp_path)
    with pytest.raises(UserError):
        run_estimate(estimator)
    monkeypatch.setattr(estimator_module, "_ERROR_SECONDS", 0.0)
    wait_for(lambda: _estimate_or_none(estimator))


def _estimate_or_none(estimator: Estimator) -> RunEstimate | None:
    try:
        return estimator.estimate_run(tiny_config())
    except UserError:
        return None


@pytest.mark.parametrize("error", [MemoryError(), ValueError("odd"), RuntimeError("CUDA error")])
def test_any_error_of_a_trial_is_a_user_error(
    estimator: Estimator,
    before_step: Callable[[Callable[[int], object]], None],
    error: Exception,
) -> None:
    def fail(_: int) -> None:
        raise error

    before_step(fail)
    with pytest.raises(UserError):
        run_estimate(estimator)


def test_a_sweep(estimator: Estimator, work: BackgroundWork, store: Store) -> None:
    """Steps are tried on request only, and once for all parts."""
    assert estimator.estimate_sweep(CONFIG, plan(CONFIG)) is None
    assert not work.is_busy("sweep-trial")
    whole = wait_for(lambda: estimator.estimate_sweep(CONFIG, plan(CONFIG), try_steps=True))
    assert (whole.basis, whole.device) == ("trial steps", "cpu")
    halves = [
        estimator.estimate_sweep(CONFIG, half) for half in (plan(CONFIG)[:2], plan(CONFIG)[2:])
    ]
    assert sum(each.total_seconds for each in halves) == pytest.approx(whole.total_seconds)
    assert store.runs() == []
    for size in CONFIG.batch_sizes:
        run_id = store.create_run(
            dataclasses.replace(CONFIG.run_config("fused", size, 0), iterations=20)
        )
        execute(store, run_id, Event())
    assert estimator.estimate_sweep(CONFIG, plan(CONFIG)).basis == "earlier runs"


def test_a_sweep_that_cannot_run(estimator: Estimator) -> None:
    config = dataclasses.replace(CONFIG, base=tiny_config(corpus="nowhere"))
    with pytest.raises(UserError):
        wait_for(lambda: estimator.estimate_sweep(config, plan(config), try_steps=True))
