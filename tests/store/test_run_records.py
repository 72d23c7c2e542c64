"""Steps, evaluations, device samples and gradient noise of runs."""

import dataclasses
from contextlib import closing

import numpy as np
import numpy.typing as npt
import pytest

from s2s.analysis.advice.gradient_noise import NoiseScale, RunNoise
from s2s.analysis.estimate import Estimate
from s2s.paths import home
from s2s.records import STEP_DTYPE, DeviceSample, Evaluation, SampleTranslation
from s2s.store import Store
from tests.tiny import tiny_config

WAL_BYTES = 6 * 2**20
"""SQLite copies the WAL into the store at 4 MiB; one more transaction may be in it by then."""


def steps(first: int, last: int) -> npt.NDArray[np.void]:
    rows = np.zeros(last - first + 1, STEP_DTYPE)
    rows["iteration"] = np.arange(first, last + 1)
    rows["loss_sum"] = 1 / rows["iteration"]
    rows["source_tokens"] = rows["iteration"] % 7
    rows["timed"] = rows["iteration"] > 3
    return rows


def test_a_reader_sees_each_step_once_while_the_last_block_grows(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    seen = store.steps(run_id)
    assert (len(seen), seen.dtype) == (0, STEP_DTYPE)
    for last in range(1, 30):
        block = steps(1 if last <= 10 else 11, last)
        if last == 29:
            block["loss_sum"][-1] = np.nan
        store.write_steps(run_id, block)
        seen = np.concatenate([seen, store.steps(run_id, after=len(seen))])
    assert store.run(run_id).iterations_done == 29
    assert np.isnan(seen["loss_sum"][-1])
    assert np.array_equal(seen[:-1], steps(1, 28))


def test_new_steps_are_read_without_the_blocks_before_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = store.create_run(tiny_config())
    for first in range(1, 41, 10):
        store.write_steps(run_id, steps(first, first + 9))
    blocks: list[int] = []
    read = store.read

    def count_rows(query: str, values: object = ()) -> list[object]:
        rows = read(query, values)
        blocks.append(len(rows))
        return rows

    monkeypatch.setattr(store, "read", count_rows)
    for after in (0, 9, 10, 25, 39, 40, 99):
        assert store.steps(run_id, after)["iteration"].tolist() == list(range(after + 1, 41))
    assert blocks == [4, 4, 3, 2, 1, 1, 1]


def test_the_wal_stays_small_while_others_read(store: Store) -> None:
    """A reader that kept its transaction open would keep all that is written in the WAL."""
    run_id = store.create_run(tiny_config())
    with closing(Store(home())) as reader:
        for first in range(1, 400 * 1024, 1024):
            store.write_steps(run_id, steps(first, first + 1023))
            assert int(reader.steps(run_id, after=first - 1)["iteration"][-1]) == first + 1023
        assert len(store.steps(run_id)) * STEP_DTYPE.itemsize > 3 * WAL_BYTES
        assert (home() / "store.sqlite-wal").stat().st_size < WAL_BYTES


def test_evaluations(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    first = Evaluation(0, 0.0, None, ())
    second = Evaluation(5, 1.5, 2.25, (SampleTranslation("où ?", "where?", "“where”"),))
    store.add_evaluation(run_id, second)
    store.add_evaluation(run_id, first)
    assert store.evaluations(run_id) == [first, second]
    assert store.evaluations(run_id, after=0) == [second]
    store.write("UPDATE evaluations SET translations = '[3]'")
    assert [each.validation_loss_per_token for each in store.evaluations(run_id)] == [None, 2.25]


def test_device_samples_keep_their_gaps_and_their_order(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    gap = DeviceSample(1.5, "cuda:0", None, None, None, None)
    full = DeviceSample(2.5, "cuda:0", 0.5, 2**40, 2**41, 61.0, 2**39, 0.75, False)
    store.add_device_samples(run_id, [gap, full])
    samples = store.device_samples(run_id)
    assert samples == [gap, full]
    assert samples[1].throttled is False
    assert store.device_samples(run_id, skip=2) == []
    earlier = dataclasses.replace(full, at=0.5)  # the clock was set back
    store.add_device_samples(run_id, [earlier])
    assert store.device_samples(run_id, skip=2) == [earlier]


def test_the_last_gradient_noise_of_each_run(store: Store) -> None:
    one = Estimate(1.0, 0.5, 2.0)

    def noise(run_id: int, iteration: int) -> RunNoise:
        return RunNoise(run_id, iteration, 640, 32, 64, NoiseScale(one, one, one))

    for _ in range(2):
        store.create_run(tiny_config())
    for each in (noise(1, 5), noise(2, 5), noise(1, 9), noise(77, 5)):
        store.save_gradient_noise(each)
    assert store.gradient_noise([1, 2, 77]) == [noise(1, 9), noise(2, 5)]
    store.request_stop(2)
    store.delete_run(2)
    store.purge_run(2)
    assert store.gradient_noise([1, 2]) == [noise(1, 9)]
