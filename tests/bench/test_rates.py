"""Rates of the machine: how they are counted, not how large they are."""

import pytest
import torch

from s2s.bench import rates
from s2s.config import OptimizerName, Precision
from s2s.data.corpus import Corpus
from s2s.translation.roofline import TranslationRoofline, roofline_seconds
from tests.tiny import tiny_config

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "COPY_BYTES", 4096)
    monkeypatch.setattr(rates, "MEASURE_SECONDS", 0.001)


@pytest.fixture
def half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is timed."""

    def seconds(work: object, _device: torch.device) -> float:
        work()  # type: ignore[operator]
        return 0.5

    monkeypatch.setattr(rates, "_seconds", seconds)


@pytest.mark.usefixtures("half_a_second")
def test_what_is_counted(tiny: Corpus) -> None:
    assert rates.copy_rate_bytes(CPU) == 2 * 4096 / 0.5
    roofline = TranslationRoofline(tiny_config(), tiny, CPU)
    operations = 3 * 2 * 8 * tiny.target.vocabulary * 3
    assert rates.product_rate_flops(roofline, 3, CPU) == operations / 0.5


@pytest.mark.parametrize("precision", Precision)
def test_rates_are_measured(precision: Precision, tiny: Corpus) -> None:
    before = torch.get_float32_matmul_precision()
    roofline = TranslationRoofline(tiny_config(precision=precision), tiny, CPU)
    assert rates.copy_rate_bytes(CPU) > 0
    assert rates.product_rate_flops(roofline, 3, CPU) > 0
    assert torch.get_float32_matmul_precision() == before


def test_calls_are_timed_in_blocks() -> None:
    calls = []
    assert rates._seconds(lambda: calls.append(1), CPU) > 0
    assert len(calls) > 20


def test_mean_tokens(tiny: Corpus) -> None:
    sides = [
        [len(side.sentence(index)) + 1 for index in tiny.training]
        for side in (tiny.source, tiny.target)
    ]
    assert TranslationRoofline(tiny_config(), tiny, CPU).mean_tokens == pytest.approx(
        tuple(sum(lengths) / len(lengths) for lengths in sides)
    )


@pytest.mark.usefixtures("half_a_second")
@pytest.mark.parametrize(
    ("optimizer", "passes"), [(OptimizerName.RMSPROP, 7), (OptimizerName.SGD, 5)]
)
def test_floors(tiny: Corpus, optimizer: OptimizerName, passes: int) -> None:
    config = tiny_config(layers=2, optimizer=optimizer)
    copying, found = rates.floors(TranslationRoofline(config, tiny, CPU), CPU, [2, 100])
    assert copying == 2 * 4096 / 0.5
    assert [floor.batch_size for floor in found] == [2, 100]
    source, target = TranslationRoofline(tiny_config(), tiny, CPU).mean_tokens
    assert found[0].tokens == 2 * (source + target)
    assert found[1].product_rate_flops > found[0].product_rate_flops
    assert found[1].seconds == roofline_seconds(
        hidden_size=8,
        layers=2,
        vocabulary=tiny.target.vocabulary,
        source_tokens=100 * source,
        target_tokens=100 * target,
        product_rate=found[1].product_rate_flops,
        copy_rate=copying,
        optimizer_passes=passes,
    )
