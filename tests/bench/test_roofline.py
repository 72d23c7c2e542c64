"""Rates of the machine: how they are counted, not how large they are."""

from collections.abc import Callable

import pytest
import torch

from s2s.bench import roofline
from s2s.bench.roofline import measure_copy_rate, measure_product_rate, measure_rooflines
from s2s.config import OptimizerName, Precision
from s2s.data.corpus import Corpus
from s2s.errors import UserError
from s2s.locks import lease_at_once
from s2s.translation.fast.projection import chunk_rows, gpu_chunk_rows
from s2s.translation.roofline import TranslationRoofline, roofline_seconds
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


@pytest.mark.usefixtures("half_a_second_per_call")
@pytest.mark.parametrize(
    ("optimizer", "passes"), [(OptimizerName.RMSPROP, 7), (OptimizerName.SGD, 5)]
)
def test_a_roofline_per_batch_size(tiny: Corpus, optimizer: OptimizerName, passes: int) -> None:
    copy_rate, rooflines = measure_rooflines(tiny_config(layers=2, optimizer=optimizer), [2, 100])
    assert copy_rate == 2 * 4096 / 0.5
    source, target = (
        sum(len(side.sentence(index)) + 1 for index in tiny.training) / len(tiny.training)
        for side in (tiny.source, tiny.target)
    )
    small, large = rooflines
    assert (small.batch_size, large.batch_size) == (2, 100)
    assert small.tokens == pytest.approx(2 * (source + target))
    assert large.product_rate > small.product_rate
    assert large.seconds == pytest.approx(
        roofline_seconds(
            hidden_size=8,
            layers=2,
            vocabulary=tiny.target.vocabulary,
            source_tokens=100 * source,
            target_tokens=100 * target,
            product_rate=large.product_rate,
            copy_rate=copy_rate,
            optimizer_passes=passes,
        )
    )


@pytest.mark.usefixtures("tiny")
def test_a_device_in_use_and_a_missing_corpus_are_errors() -> None:
    with pytest.raises(UserError, match="nowhere"):
        measure_rooflines(tiny_config(corpus="nowhere"), [2])
    with lease_at_once("cpu"), pytest.raises(UserError):
        measure_rooflines(tiny_config(), [2])
