"""The roofline of a step, by hand and against operations counted by torch."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from s2s.data.corpus import Corpus
from s2s.translation.fast.projection import choose_chunk_rows, choose_gpu_chunk_rows
from s2s.translation.roofline import TranslationRoofline
from tests.tiny import tiny_config

FAST = 1e99


def roofline(vocabulary: int, **changes: Any) -> TranslationRoofline:
    target = SimpleNamespace(vocabulary_size=vocabulary, lengths=np.array([1, 2]))
    corpus: Any = SimpleNamespace(target=target, training=range(2))
    return TranslationRoofline(tiny_config(**changes), corpus, torch.device("cpu"))


def test_by_hand() -> None:
    # Products: 6*3*2*4 = 144 and 36*4*(5+4) = 1296. Bytes: 4*(7*9 + 2*3*4) = 348.
    step = roofline(3, hidden_size=2)
    assert step.step_seconds(5, 4, matmul_rate=10, copy_rate=FAST) == 144.0
    assert step.step_seconds(5, 4, matmul_rate=FAST, copy_rate=2) == 174.0
    assert step.step_seconds(5, 4, matmul_rate=10, copy_rate=2) == 318.0
    sgd = roofline(3, hidden_size=2, optimizer="sgd")
    assert sgd.step_seconds(5, 4, matmul_rate=FAST, copy_rate=1) == 4 * (5 * 9 + 24)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_products_are_those_of_a_model(layers: int) -> None:
    """Forward and backward of two GRUs and an output layer, with every input gradient."""
    hidden_size, vocabulary, sentences, source, target = 8, 50, 3, 5, 4
    sides = [(torch.nn.GRU(hidden_size, hidden_size, layers), steps) for steps in (source, target)]
    out = torch.nn.Linear(hidden_size, vocabulary)
    with FlopCounterMode(display=False) as counter:
        for gru, steps in sides:
            words = torch.randn(steps, sentences, hidden_size, requires_grad=True)
            start = torch.zeros(layers, sentences, hidden_size, requires_grad=True)
            hidden, _ = gru(words, start)
            (out(hidden) if steps == target else hidden).sum().backward()
    step = roofline(vocabulary, hidden_size=hidden_size, layers=layers)
    seconds = step.step_seconds(sentences * source, sentences * target, 1, FAST)
    assert counter.get_total_flops() == pytest.approx(seconds)


def test_operations_are_counted(tiny: Corpus) -> None:
    def measure_seconds(work: Callable[[], object]) -> float:
        work()
        return 0.5

    step = TranslationRoofline(tiny_config(), tiny, torch.device("cpu"))
    expected = 3 * 2 * 8 * tiny.target.vocabulary_size * 5 / 0.5
    assert step.measure_matmul_rate(5, measure_seconds) == expected


def test_products_have_as_many_rows_as_in_a_step(tiny: Corpus) -> None:
    config = tiny_config()
    on_cpu = TranslationRoofline(config, tiny, torch.device("cpu"))
    on_gpu = TranslationRoofline(config, tiny, torch.device("cuda:0"))
    tokens = round(1000 * on_cpu._target_tokens)
    assert on_cpu.count_matmul_rows(1000) == choose_chunk_rows(tokens) < tokens
    assert on_gpu.count_matmul_rows(1000) == tokens
    most = choose_gpu_chunk_rows(tiny.target.vocabulary_size, torch.float32)
    assert on_gpu.count_matmul_rows(10 * most) == most
