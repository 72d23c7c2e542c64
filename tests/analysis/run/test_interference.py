"""Other load on the machine during a run."""

import dataclasses

from s2s.analysis.run.interference import (
    has_interference,
    is_processor_shared,
    is_throttled,
    measure_interference,
)
from s2s.records import DeviceSample, Interference, MachineState, Run
from tests.plausible import RUN


def state(others: float | None, *pids: int) -> MachineState:
    processes = tuple((pid, 2**30) for pid in pids)
    return MachineState(0.0, 1.5, others, 2600.0, None, gpu_other_processes=processes)


def a_run(before: MachineState | None = None, after: MachineState | None = None) -> Run:
    return dataclasses.replace(
        RUN, environment={"usable_cores": 2}, machine_before=before, machine_after=after
    )


def sample(others: float | None = None, throttled: bool | None = None) -> DeviceSample:
    return DeviceSample(
        0.0, "cpu", None, None, None, None, other_load_cores=others, throttled=throttled
    )


def test_the_whole_run_counts_first_then_its_readings_then_the_time_before() -> None:
    readings = [sample(None), sample(0.2), sample(0.6)]

    def cores(run: Run, samples: list[DeviceSample]) -> float | None:
        return measure_interference(run, samples).other_load_cores

    assert cores(a_run(state(0.9), state(0.1)), readings) == 0.1
    assert cores(a_run(state(0.9), state(None)), readings) == 0.4
    assert cores(a_run(state(0.9)), [sample(None)]) == 0.9
    assert cores(a_run(), []) is None
    assert measure_interference(RUN, []) == Interference(None, 1, (), None)
    assert not has_interference(measure_interference(RUN, []))


def test_everything_at_once() -> None:
    readings = [sample(throttled=True), sample(throttled=None), *[sample(throttled=False)] * 3]
    found = measure_interference(a_run(state(0.5, 12), state(1.5, 9, 12)), readings)
    assert found == Interference(1.5, 2, (9, 12), 0.25)
    assert is_processor_shared(found)
    assert is_throttled(found)
    assert has_interference(found)


def test_a_quiet_machine_has_a_little_other_load_and_few_throttled_readings() -> None:
    for cores, quiet, shared in ((2, 0.2, 0.21), (64, 1.2, 1.3)):
        assert not has_interference(Interference(quiet, cores, (), None))
        assert has_interference(Interference(shared, cores, (), None))
    assert has_interference(Interference(0.0, 2, (9,), None))
    assert not has_interference(Interference(0.0, 2, (), 0.05))
    assert has_interference(Interference(0.0, 2, (), 0.06))
