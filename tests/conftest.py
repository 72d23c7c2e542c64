"""What the tests of every room share."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings
from tiny import tiny_corpus

from s2s.config import TrainConfig
from s2s.data.corpus import Corpus
from s2s.home import home
from s2s.model.kernels import kernels
from s2s.records import StepMemory
from s2s.runs import sweep_memory
from s2s.runs.store import Store
from s2s.training import engines

# A busy machine is no reason to fail.
settings.register_profile("s2s", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("s2s")


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or changes what the program has written on this machine."""
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True)
def _memory_without_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process for each batch size of each sweep would take minutes; 50 MB and 1 kB a cell."""

    def memory(config: TrainConfig, given_up: Callable[[], bool]) -> StepMemory | None:
        cells = 20 * config.batch_size
        found = StepMemory(config.engine, config.batch_size, 50_000_000 + 1000 * cells, cells)
        return None if given_up() else found

    monkeypatch.setattr(sweep_memory, "in_a_process", memory)


@pytest.fixture(autouse=True)
def _no_note_of_a_missing_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes are alike on machines with a C compiler and without; test_engines has its own."""
    if isinstance(kernels(torch.float32), str):
        monkeypatch.setattr(engines, "kernels", lambda _: None)


@pytest.fixture
def tiny(tmp_path: Path) -> Corpus:
    """Prepared under the name `tiny`."""
    return tiny_corpus(tmp_path)


@pytest.fixture
def store() -> Iterator[Store]:
    """In this test's own home."""
    opened = Store(home())
    yield opened
    opened.close()


@pytest.fixture
def signals_as_before() -> Iterator[None]:
    """A command in the main thread takes them over, and sets torch's threads."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real corpus files; CI has to have it."""
    folder = os.environ.get("S2S_TEST_DATA", "")
    if folder and Path(folder).is_dir():
        return Path(folder)
    reason = "S2S_TEST_DATA is not set" if not folder else f"S2S_TEST_DATA: no folder {folder}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
