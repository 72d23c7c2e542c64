"""What training takes at each batch size: real processes, and what a sweep keeps of them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest
import torch

from s2s.config import CorpusChoices, SweepConfig, TrainConfig
from s2s.data import catalog
from s2s.paths import corpora_folder
from s2s.records import StepMemory, SweepState
from s2s.store.runs import Store
from s2s.store.sweeps import create_sweep, read_sweep, request_stop, take
from s2s.sweeps import memory as sweep_memory
from s2s.sweeps import memory_process, own_process
from s2s.sweeps.memory import in_a_process
from s2s.sweeps.runner import run_sweep
from s2s.training.trainer import Trainer
from tests.tiny import tiny_config, tiny_corpus, wait_until

MIB = 2**20


def never() -> bool:
    return False


def children() -> set[psutil.Process]:
    """Other tests' browsers may be among them."""
    return set(psutil.Process().children())


# The process


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_more_sentences_a_step_take_more_memory() -> None:
    catalog.add(corpora_folder(), "starter", "", CorpusChoices())
    base = TrainConfig(device="cpu", threads=1, iterations=3)
    small, large = (in_a_process(TrainConfig(**{**base.to_json(), "batch_size": size}), never)
                    for size in (4, 512))  # fmt: skip
    opened = catalog.open_corpus(corpora_folder(), "starter")
    for found, size in ((small, 4), (large, 512)):
        trainer = Trainer(
            TrainConfig(**{**base.to_json(), "batch_size": size}), opened, torch.device("cpu")
        )
        assert found.padded_tokens == max(trainer.step().padded_tokens for _ in range(3))
    # Weights, gradients and the optimizer's state, float32 each, are there at any size.
    weights = 4 * sum(weight.numel() for weight in trainer.model.parameters())
    assert 2 * weights < small.peak_bytes < 20 * weights
    assert small.peak_bytes + 30 * MIB < large.peak_bytes < small.peak_bytes + 500 * MIB


def test_a_failure_is_a_gap() -> None:
    before = children()
    found = in_a_process(tiny_config(corpus="nowhere", batch_size=3), never)
    assert found == StepMemory("fused", 3, None, None)
    assert children() <= before


def test_the_process_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = own_process.command("", {"config": tiny_config().to_json(), "steps": 1})[-1]
    assert memory_process.main(wanted) == 1
    output, errors = capsys.readouterr()
    assert (output, errors.count("\n")) == ("", 1)
    assert "There is no corpus 'tiny'" in errors


def test_who_gives_up_ends_it() -> None:
    before, seen = children(), []

    def given_up() -> bool:
        seen.extend(children() - before)
        return bool(seen)

    assert in_a_process(tiny_config(), given_up) is None
    assert len(seen) == 1
    assert not seen[0].is_running()


def test_it_ends_with_who_asked(tmp_path: Path) -> None:
    """Killed, the parent cannot end it any more."""
    tiny_corpus(tmp_path)
    wanted = {"config": tiny_config().to_json(), "steps": 10**9}
    command = own_process.command("s2s.sweeps.memory_process", wanted)
    code = "import json, os, subprocess, sys; *command, wanted = sys.argv[1:];"
    code += "wanted = json.dumps({**json.loads(wanted), 'asked_by': os.getpid()});"
    code += "subprocess.run([*command, wanted])"
    environment = own_process.environment_for(os.environ)
    with subprocess.Popen([sys.executable, "-c", code, *command], env=environment) as parent:
        wait_until(lambda: bool(psutil.Process(parent.pid).children()))
        [child] = psutil.Process(parent.pid).children()
        parent.kill()
    # It has to load torch first, which takes its time on a busy machine.
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 120)


# The sweep


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[TrainConfig]:
    """What was measured; batch size 4 fails."""
    asked: list[TrainConfig] = []

    def memory(config: TrainConfig, given_up: Callable[[], bool]) -> StepMemory | None:
        asked.append(config)
        peak = None if config.batch_size == 4 else 1000 * config.batch_size
        found = StepMemory(config.engine, config.batch_size, peak, peak and 40)
        return None if given_up() else found

    monkeypatch.setattr(sweep_memory, "in_a_process", memory)
    return asked


def begun(store: Store, **choices: Any) -> int:
    values = {"batch_sizes": (2, 4), "repeats": 2, "budget": "iterations", "amount": 3} | choices
    return create_sweep(store, SweepConfig(base=tiny_config(), **values))


def go_on(store: Store, sweep_id: int, stop: Event | None = None) -> None:
    take(store, sweep_id)
    for _ in run_sweep(store, sweep_id, stop or Event()):
        pass


@pytest.mark.usefixtures("tiny")
def test_each_size_and_engine_is_measured_once(store: Store, asked: list[TrainConfig]) -> None:
    sweep_id = begun(store, engines=("fused", "article"))
    go_on(store, sweep_id)
    found = read_sweep(store, sweep_id)
    assert found.memory == (
        StepMemory("article", 2, 2000, 40), StepMemory("fused", 2, 2000, 40),
        StepMemory("article", 4, None, None), StepMemory("fused", 4, None, None),
    )  # fmt: skip
    assert found.state is SweepState.FINISHED
    assert asked == [part.run.config for part in found.parts if part.repeat == 0]
    # Whatever is done again, it is not.
    for part in found.parts:
        store.delete_run(part.run.id)
    go_on(store, sweep_id)
    assert len(asked) == 4
    assert read_sweep(store, sweep_id).memory == found.memory


@pytest.mark.usefixtures("tiny")
def test_a_stop_meanwhile_keeps_nothing(
    store: Store, asked: list[TrainConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_id = begun(store)
    measured = sweep_memory.in_a_process

    def stopped(config: TrainConfig, given_up: Callable[[], bool]) -> StepMemory | None:
        request_stop(store, sweep_id)  # by another process
        return measured(config, given_up)

    monkeypatch.setattr(sweep_memory, "in_a_process", stopped)
    go_on(store, sweep_id)
    found = read_sweep(store, sweep_id)
    assert (found.state, found.memory, found.done()) == (SweepState.STOPPED, (), 0)
    monkeypatch.setattr(sweep_memory, "in_a_process", measured)
    go_on(store, sweep_id)
    found = read_sweep(store, sweep_id)
    assert (found.state, len(found.memory), len(asked)) == (SweepState.FINISHED, 2, 3)


@pytest.mark.usefixtures("tiny")
def test_progress_says_so(store: Store) -> None:
    sweep_id = begun(store, batch_sizes=(2,))
    take(store, sweep_id)
    told = list(run_sweep(store, sweep_id, Event()))
    assert [now.measuring_memory for now in told[:2]] == [True, False]
    assert [now.measuring_memory for now in told].count(True) == 1


@pytest.mark.usefixtures("tiny")
def test_on_no_device_nothing_is_measured(store: Store, asked: list[TrainConfig]) -> None:
    base = tiny_config(device="cuda:99")
    sweep_id = create_sweep(store, SweepConfig(base=base, batch_sizes=(2,), repeats=1))
    go_on(store, sweep_id)
    assert asked == []
    assert "There is no device cuda:99" in read_sweep(store, sweep_id).parts[0].run.message
