"""The process's TF32 switch, which two runs may want in different positions."""

import threading
from collections.abc import Iterator

import pytest
import torch

from s2s.config import Precision
from s2s.training import device as precision
from s2s.training.device import matmul_precision

GPU = torch.device("cuda:0")  # named only: the switch is there without one
EXACT, ROUNDED = ("ieee", "ieee"), ("tf32", "tf32")


@pytest.fixture(autouse=True)
def _switch_unchanged() -> Iterator[None]:
    before = precision._positions()
    yield
    assert precision._positions() == before


@pytest.mark.parametrize(
    ("choice", "positions"),
    [(Precision.FP32, EXACT), (Precision.TF32, ROUNDED), (Precision.BF16, ROUNDED)],
)
def test_a_gpus_products_are_as_asked_for(choice: Precision, positions: tuple[str, str]) -> None:
    with matmul_precision(choice, GPU), matmul_precision(choice, GPU):
        assert precision._positions() == positions


def test_a_cpu_has_no_such_switch() -> None:
    before = precision._positions()
    with matmul_precision(Precision.BF16, torch.device("cpu")):
        assert precision._positions() == before


def test_it_is_put_back_after_a_failure() -> None:
    with pytest.raises(ValueError, match="in a step"), matmul_precision(Precision.FP32, GPU):
        raise ValueError("in a step")


def test_runs_that_want_it_differently_take_turns() -> None:
    wrong, done = [], []

    def steps(choice: Precision, expected: tuple[str, str]) -> None:
        for _ in range(200):
            with matmul_precision(choice, GPU):
                if precision._positions() != expected:
                    wrong.append(choice)
        done.append(choice)

    threads = [
        threading.Thread(target=steps, args=arguments, daemon=True)
        for arguments in 2 * [(Precision.FP32, EXACT), (Precision.TF32, ROUNDED)]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert len(done) == 4


def test_runs_that_want_the_same_do_not_wait() -> None:
    both_inside = threading.Barrier(2, timeout=30)

    def step() -> None:
        with matmul_precision(Precision.TF32, GPU):
            both_inside.wait()

    threads = [threading.Thread(target=step, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not both_inside.broken
