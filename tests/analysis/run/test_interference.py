"""Whether a run had its machine to itself."""

import dataclasses

import pytest

from s2s.analysis.run.interference import busy, other_load_cores
from s2s.records import DeviceSample, MachineState, Run
from tests.plausible import RUN


def state(others: float | None, *pids: int) -> MachineState:
    processes = tuple((pid, 2**30) for pid in pids)
    return MachineState(0.0, 1.5, others, 2600.0, None, gpu_other_processes=processes)


def a_run(
    before: MachineState | None = None, after: MachineState | None = None, cores: int | None = 2
) -> Run:
    return dataclasses.replace(
        RUN, environment={"usable_cores": cores}, machine_before=before, machine_after=after
    )


def sample(others: float | None = None, throttled: bool | None = None) -> DeviceSample:
    return DeviceSample(
        0.0, "cpu", None, None, None, None, other_load_cores=others, throttled=throttled
    )


def test_the_whole_run_counts_then_its_readings_then_what_was_before() -> None:
    readings = [sample(None), sample(0.2), sample(0.6)]
    assert other_load_cores(a_run(state(0.9), state(0.1)), readings) == 0.1
    assert other_load_cores(a_run(state(0.9), state(None)), readings) == 0.4
    assert other_load_cores(a_run(state(0.9)), [sample(None)]) == 0.9
    assert other_load_cores(a_run(), []) is None


def test_others_on_the_processor() -> None:
    assert busy(a_run(state(0.9), state(0.7)), []) == (
        "Measured on a busy machine: other programs took 0.7 of 2 processor cores."
    )
    assert busy(a_run(None, state(0.7), cores=1), []) == (
        "Measured on a busy machine: other programs took 0.7 of the processor's one core."
    )


@pytest.mark.parametrize(
    ("cores", "others", "marked"),
    [(2, 0.2, False), (2, 0.21, True), (None, 0.21, True), (64, 1.2, False), (64, 1.3, True)],
)
def test_a_little_of_others_is_quiet(cores: int | None, others: float, marked: bool) -> None:
    assert bool(busy(a_run(None, state(others), cores), [])) is marked


def test_other_programs_on_the_gpu() -> None:
    assert busy(a_run(state(0.0, 12), state(0.0, 9, 12)), []) == (
        "Measured on a busy machine: the GPU had other programs on it (process 9, 12)."
    )


def test_a_gpu_that_was_slowed_down() -> None:
    readings = [sample(throttled=True), sample(throttled=None), *[sample(throttled=False)] * 3]
    assert busy(a_run(), readings) == (
        "Measured on a busy machine: heat or its power supply slowed the GPU down for 25 % of the "
        "time."
    )
    assert busy(a_run(), [sample(throttled=True), *[sample(throttled=False)] * 19]) == ""


def test_all_at_once_in_one_sentence() -> None:
    said = busy(a_run(state(0.5, 7), state(1.5, 7)), [sample(throttled=True)])
    assert said.count(".") == 2  # one of them in 1.5
    assert said.count(", and ") == 2


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert busy(RUN, []) == busy(a_run(state(None), state(None)), [sample()]) == ""
