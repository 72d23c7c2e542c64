"""A stop request by another process is noticed in every long phase of a run."""

import os
import subprocess
import sys

import pytest

from s2s.locks import lease
from s2s.records import RemarkKind, RunState
from s2s.store import Store
from tests.runs.training import remark_kinds
from tests.tiny import wait_until

PROCESS = """
import sys, time
from threading import Event
from tests.tiny import tiny_config
from s2s.paths import home
from s2s.runs import execute
from s2s.store import Store
from s2s.translation.task import TranslationTask

store = Store(home())

def train(**changes):
    run_id = store.create_run(tiny_config(**changes))
    sys.stdin.readline()
    print(execute.execute(store, run_id, Event()).value, flush=True)

def validate(task, check_stop):
    print("validating", flush=True)
    while True:
        check_stop()
        time.sleep(0.1)
validate_soon, TranslationTask.validate = TranslationTask.validate, validate
train(iterations=100_000_000)
TranslationTask.validate = validate_soon

def measure(run_id, check):
    print("measuring", flush=True)
    while True:
        check(0.5)
        time.sleep(0.1)
execute.measure_quality = measure
train(iterations=1, measure_quality=True)

open_task = execute.open_task
def open_slowly(*arguments):
    print("opening", flush=True)
    while not store.is_stop_requested(3):
        time.sleep(0.01)
    return open_task(*arguments)
execute.open_task = open_slowly
train(iterations=100_000_000)

print("waiting", flush=True)
train(iterations=100_000_000)
"""


@pytest.mark.usefixtures("tiny")
def test_a_stop_request_in_each_long_phase(store: Store) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": "."},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    phases = [
        ("validating", RunState.STOPPED),
        ("measuring", RunState.FINISHED),  # all but its quality was there
        ("opening", RunState.STOPPED),
    ]
    with process:
        for run_id, (phase, state) in enumerate(phases, start=1):
            print(file=process.stdin, flush=True)
            assert process.stdout.readline().strip() == phase
            store.request_stop(run_id)
            assert process.stdout.readline().strip() == state
            assert store.run(run_id).state is state
        assert remark_kinds(store.run(2)) == [RemarkKind.QUALITY_NOT_MEASURED]
        with lease("cpu", lambda: False):
            print(file=process.stdin, flush=True)
            assert process.stdout.readline().strip() == "waiting"
            wait_until(lambda: len(store.runs()) == 4)
            store.request_stop(4)
            assert process.stdout.readline().strip() == RunState.STOPPED
        assert store.run(4).started_at is None
    assert process.returncode == 0
