"""The bench: what is timed, in which order, and what its rows say."""

import dataclasses
import gc
import itertools
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from s2s.bench import bench as bench_module
from s2s.bench import rates
from s2s.bench.bench import Bench, combinations, engines_for
from s2s.config import Engine, TrainConfig
from s2s.data.corpus import Corpus
from s2s.errors import UserError
from s2s.records import StepRecord
from s2s.task import open_task
from s2s.training.device import ran_out_of_memory
from s2s.training.trainer import Trainer
from s2s.translation import roofline
from tests.tiny import tiny_config

CPU = torch.device("cpu")
SECONDS = 0.001


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(rates, "COPY_BYTES", 4096)
    monkeypatch.setattr(rates, "MEASURE_SECONDS", 0.001)


class Clockwork:
    """A trainer whose steps take as long as a clock says, which only it moves."""

    now = 0.0
    notes = ("It is a clock.",)
    visits: list[tuple[int, bool]]
    """Batch size and whether timed, of each step."""

    def __init__(self, config: TrainConfig, _corpus: Corpus, _device: torch.device) -> None:
        self.batch_size = config.batch_size
        self._iteration = itertools.count(1)

    def step(self) -> StepRecord:
        size = self.batch_size
        iteration = next(self._iteration)
        timed = iteration > 3 and iteration != 6
        Clockwork.now += size / 1000 if timed else 9.0
        Clockwork.visits.append((size, timed))
        return StepRecord(
            iteration, 0.0, size, 3 * size, 2 * size, 8 * size, 0.0, timed, (0.0,) * 4
        )


@pytest.fixture
def clockwork(monkeypatch: pytest.MonkeyPatch) -> type[Clockwork]:
    Clockwork.now, Clockwork.visits = 0.0, []
    monkeypatch.setattr(bench_module, "Trainer", Clockwork)
    clock = SimpleNamespace(perf_counter=lambda: Clockwork.now)
    monkeypatch.setattr(bench_module, "time", clock)
    return Clockwork


def configs(*sizes: int) -> list[TrainConfig]:
    return [tiny_config(batch_size=size) for size in sizes]


def test_the_models_are_let_go_at_the_end_and_the_rows_stay(
    tiny: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = []

    def noted(*all_: Any) -> Trainer:
        trainer = Trainer(*all_)
        models.append(weakref.ref(trainer.task.model))
        return trainer

    monkeypatch.setattr(bench_module, "Trainer", noted)
    bench = Bench(configs(2, 4), open_task, CPU, rounds=1, seconds=SECONDS, with_floor=False)
    for _ in bench.run():
        pass
    gc.collect()
    assert [model() for model in models] == [None, None]
    assert [row.batch_size for row in bench.rows()] == [2, 4]


def test_the_rows_of_real_training(tiny: Corpus) -> None:
    wanted, notes = combinations(
        tiny_config(), ["article", "fused"], [2, 4], ["fp32", "bf16", "fp32"]
    )
    bench = Bench(wanted, open_task, CPU, rounds=2, seconds=SECONDS)
    progress = list(bench.run())
    rows = bench.rows()
    assert [(row.batch_size, row.precision, row.engine) for row in rows] == [
        (2, "fp32", "article"),
        (2, "fp32", "fused"),
        (2, "bf16", "fused"),
        (4, "fp32", "article"),
        (4, "fp32", "fused"),
        (4, "bf16", "fused"),
    ]
    assert notes == [
        "Left out, article in bf16: The article engine computes in fp32 only; "
        "choose the fused engine."
    ]
    for row in rows:
        assert (row.rounds, row.warmup_steps) == (2, 6)  # three, the first timed, one a round
        assert row.steps >= 10
        missing = [name for name, value in dataclasses.asdict(row).items() if value is None]
        assert missing == ["peak_memory_bytes"]  # on a CPU measured by runs/measure.py
        assert 0 <= row.padding_ratio < 1
        assert row.samples_per_second < row.target_tokens_per_second < row.tokens_per_second
        assert row.roofline_share > 0
    assert bench.copy_rate_bytes() > 0
    shares = [share for _, share in progress]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] < 1


def test_figures_by_hand(clockwork: type[Clockwork], tiny: Corpus) -> None:
    bench = Bench(configs(10), open_task, CPU, rounds=1, seconds=0.055, with_floor=False)
    list(bench.run())
    [row] = bench.rows()
    # Steps of 10 ms: six of them reach 55 ms; the untimed step among them does not count.
    assert row.steps == 6
    assert row.samples_per_second == pytest.approx(1000)
    assert row.tokens_per_second == pytest.approx(5000)
    assert row.target_tokens_per_second == pytest.approx(2000)
    assert row.step_seconds == pytest.approx(0.01)
    assert row.padding_ratio == pytest.approx(3 / 8)
    assert (row.samples_per_second_iqr, row.timing_variation) == (None, None)
    assert (row.roofline_seconds, row.roofline_share) == (None, None)
    assert bench.copy_rate_bytes() is None
    # Three, the first that counts, one to warm the cache, and the sixth.
    assert row.warmup_steps == 6
    assert row.warmup_seconds == pytest.approx(3 * 9 + 0.01 + 0.01 + 9)
    assert len(clockwork.visits) == 12


def test_at_least_five_steps(clockwork: type[Clockwork], tiny: Corpus) -> None:
    bench = Bench(configs(10_000), open_task, CPU, rounds=1, seconds=SECONDS, with_floor=False)
    list(bench.run())
    assert bench.rows()[0].steps == 5
    assert clockwork.now > 50


def turns(bench: Bench) -> list[tuple[str, str]]:
    """What it said it would time, with the round."""
    said = [what.split(": ") for what, _ in bench.run()]
    return [(when, what) for when, what in said if "batch size" in what and "Round" in when]


def test_each_round_visits_every_combination_once(clockwork: type[Clockwork], tiny: Corpus) -> None:
    bench = Bench(configs(1, 2, 3), open_task, CPU, rounds=6, seconds=SECONDS, with_floor=False)
    rounds = itertools.groupby(turns(bench), key=lambda turn: turn[0])
    orders = [tuple(what for _, what in turns_) for _, turns_ in rounds]
    assert len(orders) == 6
    names = [f"fused, batch size {size}, fp32" for size in (1, 2, 3)]
    assert all(sorted(order) == names for order in orders)
    assert len(set(orders)) > 2
    assert [row.rounds for row in bench.rows()] == [6, 6, 6]
    sizes = [size for size, _ in clockwork.visits]
    assert sizes[:12] == 4 * [1] + 4 * [2] + 4 * [3]  # the warm-up
    assert f"batch size {sizes[12]}," in orders[0][0]


def test_the_order_is_the_same_each_time(clockwork: type[Clockwork], tiny: Corpus) -> None:
    del clockwork
    one, other = (
        turns(Bench(configs(1, 2, 3), open_task, CPU, rounds=4, seconds=SECONDS, with_floor=False))
        for _ in range(2)
    )
    assert one == other


def test_the_floor_is_of_the_tokens_and_the_rates_of_its_round(
    clockwork: type[Clockwork], tiny: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    del clockwork
    copying = iter([1e3, 2e3, 4e3])
    monkeypatch.setattr(bench_module, "copy_rate_bytes", lambda _device: next(copying))
    monkeypatch.setattr(bench_module, "product_rate_flops", lambda *_: 1e99)
    bench = Bench(configs(10), open_task, CPU, rounds=3, seconds=SECONDS)
    list(bench.run())
    [row] = bench.rows()
    vocabulary = tiny.target.vocabulary
    moved_bytes = 4 * (7 * 9 * vocabulary + 2 * vocabulary * 20)
    assert bench.copy_rate_bytes() == 2e3
    assert row.roofline_seconds == pytest.approx(moved_bytes / 2e3)
    assert row.roofline_share == pytest.approx(moved_bytes / 2e3 / 0.01)


def test_each_product_is_measured_once_a_round(
    clockwork: type[Clockwork], tiny: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    del clockwork
    asked: list[int] = []

    def rate(_roofline: object, rows: int, _device: object) -> float:
        asked.append(rows)
        return 1.0

    monkeypatch.setattr(bench_module, "product_rate_flops", rate)
    monkeypatch.setattr(roofline, "chunk_rows", lambda tokens: 5 if tokens < 100 else 7)
    wanted, _ = combinations(tiny_config(), ["article", "fused"], [1, 1000, 2000], ["fp32", "bf16"])
    list(Bench(wanted, open_task, CPU, rounds=2, seconds=SECONDS).run())
    assert sorted(asked) == 4 * [5] + 4 * [7]  # per round once in fp32 and once in bf16


def test_what_is_broken_off_keeps_the_whole_rounds(
    clockwork: type[Clockwork], tiny: Corpus
) -> None:
    del clockwork
    bench = Bench(configs(1, 2), open_task, CPU, rounds=5, seconds=SECONDS, with_floor=False)
    running = bench.run()
    assert bench.rows() == []
    for what, _ in running:
        if what.startswith("Round 2"):
            break
    assert [row.rounds for row in bench.rows()] == [1, 1]


def test_a_batch_too_large_leaves_the_others_alone(
    tiny: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    step: Callable[[Trainer], StepRecord] = Trainer.step

    def limited(trainer: Trainer) -> StepRecord:
        if trainer.config.batch_size == 4:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return step(trainer)

    monkeypatch.setattr(Trainer, "step", limited)
    bench = Bench(configs(4, 2), open_task, CPU, rounds=2, seconds=SECONDS)
    list(bench.run())
    assert [row.batch_size for row in bench.rows()] == [2]
    assert bench.notes == ["The memory did not suffice for fused, batch size 4, fp32."]
    nothing = Bench(configs(4), open_task, CPU, rounds=2, seconds=SECONDS)
    with pytest.raises(UserError, match="memory did not suffice"):
        list(nothing.run())


def test_other_errors_are_not_hidden(tiny: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_trainer: Trainer) -> StepRecord:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(Trainer, "step", broken)
    with pytest.raises(RuntimeError, match="a mistake"):
        list(Bench(configs(2), open_task, CPU, rounds=1, seconds=SECONDS).run())


def test_what_a_device_cannot_do_is_noted(tiny: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Trainer.__init__

    def choosy(trainer: Trainer, config: TrainConfig, *rest: Any) -> None:
        if config.engine is Engine.ARTICLE:
            raise UserError("Not here.")
        start(trainer, config, *rest)

    monkeypatch.setattr(Trainer, "__init__", choosy)
    wanted = [tiny_config(engine="article"), tiny_config()]
    bench = Bench(wanted, open_task, CPU, rounds=1, seconds=SECONDS)
    list(bench.run())
    assert [row.engine for row in bench.rows()] == ["fused"]
    assert bench.notes == ["Left out, article, batch size 4, fp32: Not here."]


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ((["fast"], [2], ["fp32"]), "The engine is one of article, fused"),
        ((["fused"], [0], ["fp32"]), "The batch size is a whole number"),
        ((["fused"], [2], ["fp8"]), "The precision is one of"),
        ((["article"], [2], ["bf16"]), "computes in fp32 only"),
        (([], [2], ["fp32"]), "Give an engine"),
    ],
)
def test_combinations_that_cannot_be(choices: tuple[Any, Any, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        combinations(tiny_config(), *choices)


def test_engines_for_a_device() -> None:
    assert [engine.value for engine in engines_for(CPU)] == ["article", "fused"]
    assert engines_for(torch.device("cuda:0")) == list(Engine)


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: x"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("can't allocate memory"), False),
    ],
)
def test_errors_of_memory(error: Exception, memory: bool) -> None:
    assert ran_out_of_memory(error) is memory
