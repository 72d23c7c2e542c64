"""What a trainer has to say of how it computed reaches the user with the run."""

from threading import Event

import pytest

from s2s.cli.main import main
from s2s.config import Engine
from s2s.records import RunState
from s2s.runs.execute import execute
from s2s.store import Store
from tests.tiny import tiny_config

pytestmark = pytest.mark.usefixtures("tiny")
NOTE = "Computed by the fused engine instead of graphed (it needs a CUDA device)."


@pytest.mark.parametrize("stopped", [False, True])
def test_it_is_the_message_of_a_run_that_did_not_fail(store: Store, stopped: bool) -> None:
    stop = Event()
    run_id = store.create_run(tiny_config(engine=Engine.GRAPHED))
    execute(
        store, run_id, stop, lambda _: store.request_stop(run_id) or stop.set() if stopped else None
    )
    run = store.run(run_id)
    assert run.state is (RunState.STOPPED if stopped else RunState.FINISHED)
    assert (run.message, run.details) == (NOTE, "")


def test_the_command_line_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    options = "--corpus=tiny --engine=graphed --iterations=3 --hidden-size=8 --threads=1"
    assert main(["train", *options.split(), "--device=cpu"]) == 0
    assert capsys.readouterr().err.endswith(f"s2s: run 1: {NOTE}\n")


def test_tf32_on_a_cpu_is_an_error_in_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "--corpus=tiny", "--precision=tf32", "--device=cpu"]) == 1
    assert "and this run is on cpu; choose fp32 or bf16.\n" in capsys.readouterr().err
