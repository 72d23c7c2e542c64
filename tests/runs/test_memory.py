"""The memory of a run's first steps, measured in real processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from s2s.errors import UserError
from s2s.records import StepMemory
from s2s.runs import memory
from s2s.runs.execute import build_trainer
from s2s.runs.memory import measure_step_memory
from tests.tiny import tiny_config, tiny_corpus, wait_until

MIB = 2**20


def children() -> set[psutil.Process]:
    """Other tests' browsers may be among them."""
    return set(psutil.Process().children())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports a process's peak")
def test_the_memory_of_the_first_steps(tmp_path: Path) -> None:
    tiny_corpus(tmp_path)
    config = tiny_config(hidden_size=128, iterations=2, batch_size=512)
    measured = measure_step_memory(config, lambda: False)
    trainer = build_trainer(config, torch.device("cpu"))
    assert measured.padded_tokens == max(trainer.step().padded_tokens for _ in range(2))
    # Weights, gradients and the optimizer's state take 3 MB; the rest grows with the batch size.
    weights = 4 * sum(weight.numel() for weight in trainer.task.model.parameters())
    assert 4 * weights + 10 * MIB < measured.peak_bytes < 500 * MIB


def test_a_failure_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()
    config = tiny_config(corpus="nowhere", batch_size=3)
    monkeypatch.setattr(memory, "build_command", lambda _: [sys.executable, "-c", "exit(1)"])
    assert measure_step_memory(config, lambda: False) == StepMemory("fused", 3, None, None)
    assert children() <= before
    with pytest.raises(UserError, match="nowhere"):
        memory.main(json.dumps({"config": config.to_json(), "steps": 1}))


def test_cancelling_ends_the_process() -> None:
    before, seen = children(), []

    def is_cancelled() -> bool:
        seen.extend(children() - before)
        return bool(seen)

    assert measure_step_memory(tiny_config(), is_cancelled) is None
    assert len(seen) == 1
    assert not seen[0].is_running()


@pytest.mark.long
def test_the_process_ends_with_a_killed_parent(tmp_path: Path) -> None:
    tiny_corpus(tmp_path)
    *command, request = memory.build_command({"config": tiny_config().to_json(), "steps": 10**9})
    code = "import json, os, subprocess, sys; *command, request = sys.argv[1:];"
    code += "request = json.dumps({**json.loads(request), 'parent': os.getpid()});"
    code += "subprocess.run([*command, request])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", code, *command, request]
    with subprocess.Popen(arguments, env=environment) as parent:
        wait_until(lambda: bool(psutil.Process(parent.pid).children()))
        [child] = psutil.Process(parent.pid).children()
        parent.kill()
    # It has to load torch first.
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 120)
