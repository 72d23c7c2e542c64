"""A run's records for pages: read once, then only what is new."""

import pytest

from pages.shared.state import get_store
from s2s.config import TrainConfig
from s2s.records import DeviceSample
from s2s.runs import resume as resume_module
from tests.plausible import evaluation, some_steps, started


def test_records_grow_with_the_store() -> None:
    store = get_store()
    run_id = started(store, TrainConfig(batch_size=2), count=20)
    steps, evaluations, samples = read_records(run_id)
    assert (len(steps), len(evaluations), len(samples)) == (20, 2, 2)
    # The writer replaces its last block by a longer one, then begins another.
    store.write_steps(run_id, some_steps(30, 2))
    store.write_steps(run_id, some_steps(45, 2)[30:])
    store.add_evaluation(run_id, evaluation(40, 5.0))
    store.add_device_samples(run_id, [DeviceSample(1002.0, "cpu", None, 9, None, None)])
    steps, evaluations, samples = read_records(run_id)
    assert steps.tolist() == some_steps(45, 2).tolist()
    assert [each.iteration for each in evaluations] == [0, 20, 40]
    assert [each.memory_used_bytes for each in samples[1:]] == [None, 9]


def test_a_clock_that_goes_back_loses_no_reading() -> None:
    store = get_store()
    run_id = started(store, TrainConfig(batch_size=2), count=20)
    known = len(read_records(run_id)[2])
    times = [1002.0, 500.0, 500.0, 501.0]
    for at in times:
        store.add_device_samples(run_id, [DeviceSample(at, "cpu", None, 9, None, None)])
        _, _, samples = read_records(run_id)
    assert [each.at for each in samples[known:]] == times


def test_a_run_that_is_resumed_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    store = get_store()
    run_id = started(store, TrainConfig(batch_size=2), count=20)
    assert len(read_records(run_id)[0]) == 20
    store.interrupt_run(run_id, ())
    monkeypatch.setattr(resume_module, "_point", lambda *_: 10)
    resume_module.resume(store, run_id)
    assert len(read_records(run_id)[0]) == 10
    again = some_steps(30, 2)
    again["seconds"] += 1.0
    store.write_steps(run_id, again[10:])
    assert read_records(run_id)[0]["seconds"][15] == again["seconds"][15]
