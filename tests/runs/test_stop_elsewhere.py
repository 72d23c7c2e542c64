"""Stop asked for by another process is seen in whatever a run is doing."""

import os
import subprocess
import sys
import time

import pytest

from s2s.locks import lease
from s2s.records import RunState
from s2s.store.runs import Store
from tests.tiny import wait_until

pytestmark = pytest.mark.usefixtures("tiny")
STOP_SECONDS = 2.0
"""Promised to the user; the program looks once a second at least."""

TRAINING = """
import sys, time
from threading import Event
from tests.tiny import tiny_config
from s2s.paths import home
from s2s.runs import execute
from s2s.store.runs import Store
from s2s.translation import evaluation
from s2s.training import trainer as loop

store, long = Store(home()), dict(iterations=100_000_000)

def began():
    print("began", flush=True)

def train(**changes):
    run_id = store.create_run(tiny_config(**changes))
    sys.stdin.readline()
    print(execute.execute(store, run_id, Event()).value, flush=True)

# A long evaluation: a batch takes a tenth of a second, and there are a thousand.
validation, forward = loop.validation_loss_per_token, evaluation.teacher_forced
def slow(*arguments):
    time.sleep(0.1)
    return forward(*arguments)
def validate(model, batches, indices, look):
    began()
    return validation(model, batches, [*indices] * 1000, look)
evaluation.teacher_forced, evaluation._BATCH, loop.validation_loss_per_token = slow, 1, validate
train(**long)
evaluation.teacher_forced, loop.validation_loss_per_token = forward, validation

# Its quality is measured.
def quality(run_id, progress):
    began()
    while True:
        progress(0.5)
        time.sleep(0.1)
measured, execute.quality_on_test_part = execute.quality_on_test_part, quality
train(iterations=1, measure_quality=True)

# Its corpus is prepared.
opened = execute.open_corpus
def prepare(*arguments):
    began()
    time.sleep(1.0)
    return opened(*arguments)
execute.open_corpus = prepare
train(**long)
execute.open_corpus = opened

# It waits for its device.
print("waits", flush=True)
train(**long)
"""


def test_stop_is_seen_in_each_long_phase(store: Store) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": "tests:."},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        for run_id, (phase, state) in enumerate(
            [
                ("began", RunState.STOPPED),
                ("began", RunState.FINISHED),  # all but its quality was there
                ("began", RunState.STOPPED),
            ],
            start=1,
        ):
            print(file=process.stdin, flush=True)
            assert process.stdout.readline().strip() == phase
            asked = time.monotonic()
            store.request_stop(run_id)
            assert process.stdout.readline().strip() == state
            assert time.monotonic() - asked < STOP_SECONDS
            assert store.run(run_id).state is state
        assert "Stopped before its quality" in store.run(2).message
        with lease("cpu", lambda: False):
            print(file=process.stdin, flush=True)
            assert process.stdout.readline().strip() == "waits"
            wait_until(lambda: len(store.runs()) == 4)
            asked = time.monotonic()
            store.request_stop(4)
            assert process.stdout.readline().strip() == RunState.STOPPED
            assert time.monotonic() - asked < STOP_SECONDS
        assert store.run(4).started_at is None
    assert process.returncode == 0
