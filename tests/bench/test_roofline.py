"""Rates of the machine: how they are counted, not how large they are."""

from collections.abc import Callable

import pytest
import torch

from s2s.bench import roofline
from s2s.bench.roofline import measure_copy_rate, seconds_per_call
from s2s.data.corpus import Corpus
from s2s.translation.fast.projection import chunk_rows, gpu_chunk_rows
from s2s.translation.roofline import TranslationRoofline
from tests.tiny import tiny_config

CPU = torch.device("cpu")


def test_bytes_and_operations_are_counted(tiny: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds(work: Callable[[], object], _device: object = None) -> float:
        work()
        return 0.5

    monkeypatch.setattr(roofline, "seconds_per_call", seconds)
    monkeypatch.setattr(roofline, "COPY_BYTES", 4096)
    assert measure_copy_rate(CPU) == 2 * 4096 / 0.5
    step = TranslationRoofline(tiny_config(), tiny, CPU)
    expected = 3 * 2 * 8 * tiny.target.vocabulary_size * 5 / 0.5
    assert step.product_rate(5, seconds) == expected


def test_short_calls_are_timed_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roofline, "MEASURE_SECONDS", 0.001)
    calls: list[int] = []
    assert seconds_per_call(lambda: calls.append(1), CPU) > 0
    assert len(calls) > 20


def test_products_have_as_many_rows_as_in_a_step(tiny: Corpus) -> None:
    config = tiny_config()
    on_cpu = TranslationRoofline(config, tiny, CPU)
    on_gpu = TranslationRoofline(config, tiny, torch.device("cuda:0"))
    tokens = round(1000 * on_cpu._target_tokens)
    assert on_cpu.product_rows(1000) == chunk_rows(tokens) < on_gpu.product_rows(1000) == tokens
    most = gpu_chunk_rows(tiny.target.vocabulary_size, torch.float32)
    assert on_gpu.product_rows(10 * most) == most
