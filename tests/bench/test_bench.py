"""The bench: what is timed and in which order, the report, and the latest report on disk."""

import dataclasses
import gc
import itertools
import json
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from s2s.bench import rounds
from s2s.bench.bench import Bench, combine, list_engines
from s2s.bench.rounds import Rounds
from s2s.bench_report import read_latest_bench, save_bench
from s2s.config import Engine, TrainConfig
from s2s.data.corpus import Corpus
from s2s.errors import UserError
from s2s.locks import lease_without_waiting
from s2s.paths import home
from s2s.records import Remark, RemarkKind, StepMemory, StepRecord
from s2s.runs import memory
from s2s.training.trainer import Trainer
from s2s.translation.roofline import TranslationRoofline
from s2s.translation.task import TranslationTask
from tests.plausible import bench_report
from tests.tiny import tiny_config

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.setattr(rounds, "COPY_BYTES", 4096)
    monkeypatch.setattr(rounds, "MEASURE_SECONDS", 0.001)
    yield
    torch.set_num_threads(threads)


def make_bench(base: TrainConfig | None = None, **changes: Any) -> Bench:
    choices = {"engines": ["fused"], "batch_sizes": [2], "precisions": ["fp32"]}
    choices |= {"rounds": 2, "seconds": 0.001, "command": "typed"}
    return Bench(base or tiny_config(), **choices | changes)


def test_a_complete_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(config: TrainConfig, _is_cancelled: object) -> StepMemory:
        peak = 1000 * config.batch_size if config.precision == "fp32" else None
        return StepMemory(config.engine, config.batch_size, peak, None)

    monkeypatch.setattr(memory, "measure_step_memory", measure)
    monkeypatch.setattr(memory, "START_SECONDS", 0.002)  # as long as both rounds
    bench = make_bench(batch_sizes=[2, 3], precisions=["fp32", "bf16"])
    assert bench.build_report() is None
    activities = list(bench.run())
    assert all(name.startswith("Memory: ") for name, _ in activities[-4:])
    assert [share for _, share in activities[-4:]] == pytest.approx([0.5, 0.625, 0.75, 0.875])
    assert max(share for _, share in activities[:-4]) < 0.5
    report = bench.build_report()
    assert [row.peak_memory_bytes for row in report.rows] == [2000, None, 3000, None]
    assert (report.command, report.corpus, report.complete) == ("typed", "tiny", True)
    assert report.copy_rate_bytes > 0
    machine = report.machine
    assert (machine["device"], machine["threads"]) == ("cpu", 1)
    assert machine["device_name"] == machine["processor"]
    assert machine["torch"] == torch.__version__
    assert all(machine[name] >= 0 for name in ("load_before", "load_after", "other_load_cores"))
    json.dumps(machine)


@pytest.mark.parametrize("activity", ["Round 2", "Memory"])
def test_an_interrupted_bench_is_marked(activity: str) -> None:
    bench = make_bench()
    for each, _ in bench.run():
        if each.startswith(activity):
            break
    report = bench.build_report()
    assert (report.complete, report.rows[0].rounds) == (False, 1 if activity == "Round 2" else 2)
    assert report.rows[0].peak_memory_bytes is None


def test_the_device_is_held_while_it_is_measured() -> None:
    with lease_without_waiting("cpu"):
        bench = make_bench()
        with pytest.raises(UserError):
            list(bench.run())
        assert bench.build_report() is None
    running = make_bench().run()
    next(running)
    with pytest.raises(UserError), lease_without_waiting("cpu"):
        pass
    running.close()
    with lease_without_waiting("cpu"):
        pass


def test_engines_that_need_a_gpu_are_skipped() -> None:
    bench = make_bench(engines=["graphed", "fused"])
    list(bench.run())
    assert [row.engine for row in bench.build_report().rows] == ["fused"]
    assert len(bench.build_report().notes) == 1
    assert [engine.value for engine in list_engines(torch.device("cpu"))] == ["article", "fused"]
    assert list_engines(torch.device("cuda:0")) == list(Engine)


@pytest.mark.parametrize(
    "changes",
    [
        {"base": tiny_config(corpus="nowhere")},
        *({"engines": [engine]} for engine in ("graphed", "fast")),
        *({"batch_sizes": sizes} for sizes in ([0], [])),
        {"precisions": ["fp8"]},
        {"engines": ["article"], "precisions": ["bf16"]},
    ],
)
def test_impossible_choices_are_errors(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        make_bench(**changes)


def test_the_latest_report_is_stored_but_an_incomplete_one_replaces_no_complete_one() -> None:
    assert read_latest_bench() is None
    complete, other = bench_report(), dataclasses.replace(bench_report(), corpus="other")
    incomplete = dataclasses.replace(complete, complete=False)
    expected = (incomplete, complete, complete, other)
    for saved, latest in zip((incomplete, complete, incomplete, other), expected, strict=True):
        save_bench(saved)
        assert read_latest_bench() == latest
    assert (home() / "bench.json").is_file()


def test_an_unreadable_file_is_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_bench(bench_report())
    path = home() / "bench.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"new": 1}))
    assert read_latest_bench() == bench_report()
    texts = (
        "",
        "[" * 100_000,
        "[]",
        "{}",
        '{"rows": [{}], "notes": []}',
        "\x00",
        '{"rows": [',
        '{"rows": 7}',
    )
    for text in (*texts, "[" * 100_000, json.dumps(values | {"corpus": 1})):
        path.write_text(text)
        assert read_latest_bench() is None
    path.unlink()
    os.mkfifo(path)
    assert read_latest_bench() is None
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "tiny.txt"))
    with pytest.raises(UserError, match="S2S_HOME"):
        save_bench(bench_report())


# Rounds


def make_rounds(corpus: Corpus, configs: list[TrainConfig], count: int, **options: Any) -> Rounds:
    def open_task(config: TrainConfig, device: torch.device) -> TranslationTask:
        return TranslationTask(config, corpus, device)

    return Rounds(configs, open_task, CPU, rounds=count, **{"seconds": 0.001} | options)


def configs(*sizes: int) -> list[TrainConfig]:
    return [tiny_config(batch_size=size) for size in sizes]


def test_real_training_fills_every_column(tiny: Corpus) -> None:
    combined, notes = combine(tiny_config(), ["article", "fused"], [2, 4], ["fp32", "bf16", "fp32"])
    assert len(notes) == 1  # the article engine has no bf16
    bench = make_rounds(tiny, combined, 2)
    shares = [share for _, share in bench.run()]
    assert shares == sorted(shares)
    assert 0 == shares[0] < shares[-1] < 1
    rows = bench.build_rows()
    kinds = (("fp32", "article"), ("fp32", "fused"), ("bf16", "fused"))
    expected = [(size, *kind) for size in (2, 4) for kind in kinds]
    assert [(row.batch_size, row.precision, row.engine) for row in rows] == expected
    for row in rows:
        assert row.rounds == 2
        assert row.steps >= 10
        missing = [name for name, value in dataclasses.asdict(row).items() if value is None]
        assert missing == ["peak_memory_bytes"]  # on a CPU it is measured afterwards
        assert 0 <= row.padding_ratio < 1
        assert row.samples_per_second < row.target_tokens_per_second < row.tokens_per_second
        assert row.roofline_share > 0
    assert bench.copy_rate > 0


def test_bytes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "measure_seconds", lambda *_arguments: 0.5)
    assert rounds.measure_copy_rate(CPU) == 2 * 4096 / 0.5


def test_short_calls_are_timed_in_blocks() -> None:
    calls: list[int] = []
    assert rounds.measure_seconds(lambda: calls.append(1), CPU) > 0
    assert len(calls) > 20


class Clockwork:
    """A trainer that alone moves the clock: 1 ms per sample; 9 s for a step that is not timed."""

    now = 0.0
    sizes: list[int]
    """Batch size of each step."""

    def __init__(self, task: TranslationTask) -> None:
        self.task, self._iteration = task, itertools.count(1)
        task.remarks = [Remark(RemarkKind.SLOW_KERNELS, "no compiler")]

    def step(self) -> StepRecord:
        size, iteration = self.task.config.batch_size, next(self._iteration)
        timed = iteration > 3 and iteration != 6
        Clockwork.now += size / 1000 if timed else 9.0
        Clockwork.sizes.append(size)
        return StepRecord(
            iteration, 0.0, size, 3 * size, 2 * size, 8 * size, 0.0, timed, (0.0,) * 4
        )


@pytest.fixture
def clockwork(monkeypatch: pytest.MonkeyPatch) -> type[Clockwork]:
    Clockwork.now, Clockwork.sizes = 0.0, []
    monkeypatch.setattr(rounds, "Trainer", Clockwork)
    monkeypatch.setattr(rounds, "time", SimpleNamespace(perf_counter=lambda: Clockwork.now))
    monkeypatch.setattr(rounds, "measure_seconds", lambda *_arguments, **_options: 0.5)
    return Clockwork


def test_figures_by_hand(clockwork: type[Clockwork], tiny: Corpus) -> None:
    bench = make_rounds(tiny, configs(10, 10_000), 1, seconds=0.055)
    list(bench.run())
    row, slow = bench.build_rows()
    # Steps of 10 ms: six of them reach 55 ms; the untimed step among them does not count.
    assert row.steps == 6
    assert row.samples_per_second == pytest.approx(1000)
    assert row.tokens_per_second == pytest.approx(5000)
    assert row.target_tokens_per_second == pytest.approx(2000)
    assert row.step_seconds == pytest.approx(0.01)
    assert row.padding_ratio == pytest.approx(3 / 8)
    assert (row.samples_per_second_iqr, row.timing_variation) == (None, None)
    # Not timed: three steps, the first timed one, one that warms the cache, and the sixth.
    assert clockwork.sizes.count(10) == 6 + 6
    assert slow.steps == rounds.MIN_STEPS
    assert [note.split(": ")[0] for note in bench.notes] == [
        "fused, batch size 10, fp32",
        "fused, batch size 10,000, fp32",
    ]


@pytest.mark.usefixtures("clockwork")
def test_rounds_time_every_combination_once_in_a_reproducible_order(tiny: Corpus) -> None:
    def order() -> list[tuple[str, ...]]:
        activities = [
            activity.split(": ")
            for activity, _ in make_rounds(tiny, configs(1, 2, 3), 6).run()
            if activity.startswith("Round") and "batch size" in activity
        ]
        groups = itertools.groupby(activities, key=lambda each: each[0])
        return [tuple(name for _, name in group) for _, group in groups]

    orders = order()
    assert len(orders) == 6
    assert all(len(set(each)) == len(each) == 3 for each in orders)
    assert len(set(orders)) > 2
    assert order() == orders
    interrupted = make_rounds(tiny, configs(1, 2), 5)
    assert interrupted.build_rows() == []
    next(activity for activity, _ in interrupted.run() if activity.startswith("Round 2"))
    assert [row.rounds for row in interrupted.build_rows()] == [1, 1]


@pytest.mark.usefixtures("clockwork")
def test_the_roofline_of_tokens_and_rates(tiny: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_rates = iter([1e3, 2e3, 4e3])
    matmul_rows = []

    def measure_matmul_rate(_roofline: object, rows: int, _measure_seconds: object) -> float:
        matmul_rows.append(rows)
        return 1e99

    monkeypatch.setattr(rounds, "measure_copy_rate", lambda _device: next(copy_rates))
    monkeypatch.setattr(TranslationRoofline, "measure_matmul_rate", measure_matmul_rate)
    combined, _ = combine(tiny_config(), ["article", "fused"], [10], ["fp32", "bf16"])
    bench = make_rounds(tiny, combined, 3)
    list(bench.run())
    row = bench.build_rows()[0]
    vocabulary = tiny.target.vocabulary_size
    moved_bytes = 4 * (7 * 9 * vocabulary + 2 * vocabulary * 20)
    assert bench.copy_rate == 2e3
    assert row.roofline_seconds == pytest.approx(moved_bytes / 2e3)
    assert row.roofline_share == pytest.approx(moved_bytes / 2e3 / 0.01)
    assert len(matmul_rows) == 3 * 2  # once per round and precision, not per engine


def test_a_failing_combination_is_skipped(tiny: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    step, models = Trainer.step, []

    def build(task: TranslationTask) -> Trainer:
        models.append(weakref.ref(task.model))
        return Trainer(task)

    def failing_step(trainer: Trainer) -> StepRecord:
        if trainer.config.batch_size == 4:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        if trainer.config.engine is Engine.ARTICLE:
            raise UserError("Not here.")
        return step(trainer)

    monkeypatch.setattr(rounds, "Trainer", build)
    monkeypatch.setattr(Trainer, "step", failing_step)
    combined = [*configs(4, 2), tiny_config(batch_size=2, engine="article")]
    bench = make_rounds(tiny, combined, 1)
    list(bench.run())
    gc.collect()
    assert [model() for model in models] == [None] * 3  # none is kept in memory
    assert [(row.batch_size, row.engine) for row in bench.build_rows()] == [(2, "fused")]
    assert len(bench.notes) == 2
    with pytest.raises(UserError, match="Out of memory"):
        list(make_rounds(tiny, configs(4), 1).run())
