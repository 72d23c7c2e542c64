"""A run's records for pages: read once, then only what is new."""

from pages.parts import shared
from pages.parts.records import records
from s2s.config import TrainConfig
from s2s.records import DeviceSample
from tests.plausible import evaluation, some_steps, started


def test_records_grow_with_the_store() -> None:
    store = shared.store()
    run_id = started(store, TrainConfig(batch_size=2), count=20)
    steps, evaluations, samples = records(store, run_id)
    assert (len(steps), len(evaluations), len(samples)) == (20, 2, 2)
    # The writer replaces its last block by a longer one, then begins another.
    store.write_steps(run_id, some_steps(30, 2))
    store.write_steps(run_id, some_steps(45, 2)[30:])
    store.add_evaluation(run_id, evaluation(40, 5.0))
    store.add_device_samples(run_id, [DeviceSample(1002.0, "cpu", None, 9, None, None)])
    steps, evaluations, samples = records(store, run_id)
    assert steps.tolist() == some_steps(45, 2).tolist()
    assert [each.iteration for each in evaluations] == [0, 20, 40]
    assert [each.memory_used_bytes for each in samples[1:]] == [None, 9]
