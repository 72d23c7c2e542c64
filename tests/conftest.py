"""Fixtures of all tests."""

import dataclasses
import gc
import itertools
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

from s2s.config import TrainConfig
from s2s.data.corpus import Corpus
from s2s.paths import home
from s2s.records import Run, RunState, StepMemory
from s2s.runs import memory as run_memory
from s2s.store import Store
from s2s.training.checkpoint import Checkpoint
from s2s.training.trainer import Trainer
from s2s.translation import engines
from s2s.translation.engines import Forward, FusedEngine
from s2s.translation.fast.kernels import get_kernels
from tests.tiny import BeforeStep, MakeTrainer, tiny_config, tiny_corpus, tiny_task

PROJECT = Path(__file__).parents[1]

# A test must not fail because the machine is busy.
settings.register_profile("s2s", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("s2s")


@pytest.fixture(autouse=True)
def _isolate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own home, and equal results on every machine.

    A sweep would measure memory in a process per batch size; here memory is 50 MB and 1 kB per
    token. Without a C compiler, runs would have a note that says so.
    """
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "home"))

    def measure(config: TrainConfig, is_cancelled: Callable[[], bool]) -> StepMemory | None:
        tokens = 20 * config.batch_size
        memory = StepMemory(config.engine, config.batch_size, 50_000_000 + 1000 * tokens, tokens)
        return None if is_cancelled() else memory

    monkeypatch.setattr(run_memory, "measure_step_memory", measure)
    if isinstance(get_kernels(torch.float32), str):
        monkeypatch.setattr(engines, "get_kernels", lambda _: None)


@pytest.fixture
def tiny(tmp_path: Path) -> Corpus:
    """The prepared corpus `tiny` (60 pairs, 5 ms) in this test's home."""
    return tiny_corpus(tmp_path)


@pytest.fixture(scope="session")
def _trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from s2s.runs.execute import execute

    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2S_HOME", str(folder / "home"))
        tiny_corpus(folder)
        store = Store(home())
        config = tiny_config(
            evaluate_every=5, keep_optimizer=True, sentences=("je mange du pain.",)
        )
        state = execute(store, store.create_run(config), Event())
        store.close()
    assert state is RunState.FINISHED
    return folder / "home"


@pytest.fixture
def trained_home(_trained_once: Path) -> Path:
    """This test's home with the corpus `tiny` and run 1, which was trained once per session.

    The run has 10 steps, 3 evaluations and a checkpoint with its optimizer.
    """
    return shutil.copytree(_trained_once, home())


@pytest.fixture
def trained_run(store: Store) -> Run:
    """Run 1 of `trained_home`; faster than training a run."""
    return store.run(1)


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """The open store of this test's home."""
    if {"trained_home", "trained_run"} & set(request.fixturenames):  # the home is copied first
        request.getfixturevalue("trained_home")
    opened = Store(home())
    yield opened
    opened.close()


@pytest.fixture
def own_dashboard() -> Iterator[None]:
    """Give this test a dashboard of its own, as it has a home of its own."""
    from pages.shared import state

    state._scheduler = None
    yield
    if state._scheduler is not None:
        state._scheduler.close()
        state._scheduler.store.close()
    state._scheduler = None


@pytest.fixture
def open_page(own_dashboard: None) -> Callable[..., Any]:
    """`open_page("compare", run=["1"])` opens a page with query parameters."""
    from streamlit.testing.v1 import AppTest

    del own_dashboard

    def open_(name: str, **address: str | list[str]) -> AppTest:
        app = AppTest.from_file(PROJECT / "dashboard.py", default_timeout=60)
        for parameter, value in address.items():
            app.query_params[parameter] = value
        app = app.switch_page(f"pages/{name}/{name}.py").run()
        assert not app.exception, app.exception
        return app

    return open_


@pytest.fixture
def signals_as_before() -> Iterator[None]:
    """Restore the signal handlers and torch's threads, which commands set."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real corpus files; required in CI."""
    folder = os.environ.get("S2S_TEST_DATA", "")
    if folder and Path(folder).is_dir():
        return Path(folder)
    reason = "S2S_TEST_DATA is not set" if not folder else f"S2S_TEST_DATA: no folder {folder}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def before_step(monkeypatch: pytest.MonkeyPatch) -> BeforeStep:
    """`before_step(action)`: before its n-th step, from 1, the fused engine calls action(n).

    If the action returns a value, it replaces the loss sum.
    """

    def install(action: Callable[[int], object]) -> None:
        number = itertools.count(1)
        forward = FusedEngine.forward

        def act_first(engine: FusedEngine, batch: Any, forced: bool) -> Forward:
            loss = action(next(number))
            result = forward(engine, batch, forced)
            return result if loss is None else dataclasses.replace(result, loss_sum=loss)

        monkeypatch.setattr(FusedEngine, "forward", act_first)

    return install


@pytest.fixture(autouse=True, scope="session")
def _cheap_collections() -> Iterator[None]:
    """Speed up the full garbage collection at the end of each run."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def make_trainer(tiny: Corpus) -> MakeTrainer:
    """`make_trainer(start, **changes of the tiny configuration)`"""
    torch.set_num_threads(1)

    def make(start: Checkpoint | None = None, **changes: Any) -> Trainer:
        return Trainer(tiny_task(tiny, **changes), start)

    return make
