"""The dashboard's estimator: at once from earlier runs, else from trials in the background."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TypeVar

import pytest

from s2s.background import estimates
from s2s.background.estimates import Estimator, RunEstimate
from s2s.background.work import BackgroundWork
from s2s.config import SweepConfig
from s2s.data import catalog
from s2s.errors import UserError
from s2s.locks import lease
from s2s.paths import corpora_folder
from s2s.records import Run
from s2s.runs.execute import execute
from s2s.store import Store
from s2s.sweeps.plan import plan
from tests.tiny import tiny_config, tiny_corpus, wait_until

T = TypeVar("T")
CONFIG = SweepConfig(
    base=tiny_config(hidden_size=4), batch_sizes=(2, 4), repeats=2, budget="iterations", amount=20
)
NEW = tiny_config(hidden_size=4)
pytestmark = pytest.mark.usefixtures("trained_home")


@pytest.fixture
def work() -> Iterator[BackgroundWork]:
    work = BackgroundWork()
    yield work
    work.join(60)  # a trial that still runs would write into the next test's home


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


def test_earlier_runs_answer_at_once(estimator: Estimator, trained_run: Run) -> None:
    assert estimator.estimate_run(tiny_config()).basis == f"run {trained_run.id}"
    assert estimator.devices() == []
    wait_until(lambda: bool(estimator.devices()))
    assert estimator.devices()[-1] == "cpu"
    assert run_estimate(estimator, device="auto").basis == f"run {trained_run.id}"


def test_a_trial_waits_for_the_device(estimator: Estimator, work: BackgroundWork) -> None:
    with lease("cpu", lambda: False):
        assert estimator.estimate_run(NEW) is None
        assert estimator.estimate_run(tiny_config(hidden_size=4)) is None  # one at a time
        assert work.is_busy("trial")
    trial = wait_for(lambda: estimator.estimate_run(NEW))
    assert trial.device == "cpu"
    assert trial.total_seconds > 10 * trial.step_seconds > 0


def test_a_failed_trial_is_repeated_after_a_while(
    estimator: Estimator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    catalog.remove(corpora_folder(), "tiny")

    def has_failed() -> bool:
        with suppress(UserError):
            estimator.estimate_run(NEW)
            return False
        return True

    wait_until(has_failed)
    tiny_corpus(tmp_path)
    assert has_failed()
    monkeypatch.setattr(estimates, "_RETRY_SECONDS", 0.0)
    wait_until(lambda: not has_failed())


def test_any_error_of_a_trial_is_a_user_error(
    estimator: Estimator,
    before_step: Callable[[Callable[[int], object]], None],
) -> None:
    def fail(_: int) -> None:
        raise MemoryError

    before_step(fail)
    with pytest.raises(UserError):
        run_estimate(estimator, hidden_size=4)


def test_a_sweep(estimator: Estimator, work: BackgroundWork, store: Store) -> None:
    """Steps are tried on request only, and once for all parts."""
    assert estimator.estimate_sweep(CONFIG, plan(CONFIG)) is None
    assert not work.is_busy("sweep-trial")
    whole = wait_for(lambda: estimator.estimate_sweep(CONFIG, plan(CONFIG), run_trials=True))
    assert (whole.basis, whole.device) == ("trial steps", "cpu")
    halves = [
        estimator.estimate_sweep(CONFIG, half) for half in (plan(CONFIG)[:2], plan(CONFIG)[2:])
    ]
    assert sum(each.total_seconds for each in halves) == pytest.approx(whole.total_seconds)
    assert [run.id for run in store.runs()] == [1]
    for size in CONFIG.batch_sizes:
        config = CONFIG.build_run_config("fused", size, 0)
        execute(store, store.create_run(config), Event())
    assert estimator.estimate_sweep(CONFIG, plan(CONFIG)).basis == "earlier runs"


def test_a_sweep_that_cannot_run(estimator: Estimator) -> None:
    config = dataclasses.replace(CONFIG, base=tiny_config(corpus="nowhere"))
    with pytest.raises(UserError):
        wait_for(lambda: estimator.estimate_sweep(config, plan(config), run_trials=True))
