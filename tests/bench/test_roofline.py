"""Rates of the machine: how they are counted, not how large they are."""

from collections.abc import Callable

import pytest
import torch

from s2s.bench import roofline
from s2s.bench.roofline import measure_copy_rate, measure_product_rate
from s2s.config import Precision
from s2s.data.corpus import Corpus
from s2s.translation.fast.projection import chunk_rows, gpu_chunk_rows
from s2s.translation.roofline import TranslationRoofline
from tests.tiny import tiny_config

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roofline, "COPY_BYTES", 4096)
    monkeypatch.setattr(roofline, "MEASURE_SECONDS", 0.001)


@pytest.fixture
def half_a_second_per_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds(work: Callable[[], object], _device: torch.device) -> float:
        work()
        return 0.5

    monkeypatch.setattr(roofline, "_seconds_per_call", seconds)


@pytest.mark.usefixtures("half_a_second_per_call")
def test_bytes_and_operations_are_counted(tiny: Corpus) -> None:
    assert measure_copy_rate(CPU) == 2 * 4096 / 0.5
    step = TranslationRoofline(tiny_config(), tiny, CPU)
    expected = 3 * 2 * 8 * tiny.target.vocabulary * 5 / 0.5
    assert measure_product_rate(step, 5, CPU) == expected


@pytest.mark.parametrize("precision", Precision)
def test_rates_are_measured_without_changing_the_precision(
    tiny: Corpus, precision: Precision
) -> None:
    before = torch.get_float32_matmul_precision()
    step = TranslationRoofline(tiny_config(precision=precision), tiny, CPU)
    assert measure_product_rate(step, 3, CPU) > 0
    assert torch.get_float32_matmul_precision() == before


def test_short_calls_are_timed_in_blocks() -> None:
    calls: list[int] = []
    assert roofline._seconds_per_call(lambda: calls.append(1), CPU) > 0
    assert len(calls) > 20


def test_products_have_as_many_rows_as_in_a_step(tiny: Corpus) -> None:
    config = tiny_config()
    on_cpu = TranslationRoofline(config, tiny, CPU)
    on_gpu = TranslationRoofline(config, tiny, torch.device("cuda:0"))
    tokens = round(1000 * on_cpu.mean_tokens[1])
    assert on_cpu.product_rows(1000) == chunk_rows(tokens) < on_gpu.product_rows(1000) == tokens
    most = gpu_chunk_rows(tiny.target.vocabulary, torch.float32)
    assert on_gpu.product_rows(10 * most) == most
