"""The commands `train` and `resume`."""

import io
import signal
import subprocess
import sys

import pytest
import torch

from s2s.cli.main import main
from s2s.machine.host import OtherLoadMeter
from s2s.paths import run_folder
from s2s.records import PHASES, RunState
from s2s.runs.resume import find_resumable
from s2s.store import Store
from s2s.training.checkpoint import load_checkpoint
from tests.cli.conftest import TRAIN, Capture, error_of, objects, printed, printed_json
from tests.tiny import BeforeStep

pytestmark = pytest.mark.usefixtures("tiny")


def test_text_and_json(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OtherLoadMeter, "read", lambda _: 1.5)
    assert main([*TRAIN, "--iterations=10"]) == 0
    output, errors = capsys.readouterr()
    assert output.startswith("Run 1 finished after 10 iterations in ")
    assert "translate --run 1" in output
    assert errors == ""
    assert load_checkpoint(run_folder(1)).iteration == 10
    options = ["--iterations=4", "--evaluate-every=2", "--sentence=où ?", "--quality"]
    *evaluations, summary = printed_json([*TRAIN, *options], capsys)
    assert [each["event"] for each in evaluations] == ["evaluation"] * 3
    assert [each["iteration"] for each in evaluations] == [0, 2, 4]
    assert evaluations[0]["translations"][-1]["source"] == "où ?"
    assert (summary["run_id"], summary["state"], summary["iterations"]) == (2, "finished", 4)
    assert summary["interference"]["other_load_cores"] == 1.5
    assert (summary["warmup_steps"], summary["interfered_steps"]) == (3, 0)
    assert set(summary["phase_seconds"]) == {*PHASES, "between"}
    [quality] = printed_json(["evaluate"], capsys)
    assert quality["sentences"] == 6
    assert (summary["bleu"], summary["chrf"]) == (quality["bleu"], quality["chrf"])


def test_every_option_reaches_the_configuration(store: Store, capsys: Capture) -> None:
    options = {
        "iterations": 1, "max_seconds": 9.5, "batch_size": 3, "layers": 2, "dropout": 0.1,
        "optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.5, "teacher_forcing": 0.25,
        "length_pool": 2, "seed": 7, "precision": "bf16", "evaluate_every": 5, "target_loss": 0.5,
        "engine": "graphed", "hidden_size": 4,
    }  # fmt: skip
    names = {"max_seconds": "seconds"}
    typed = [
        f"--{names.get(name, name).replace('_', '-')}={value}" for name, value in options.items()
    ]
    assert main([*TRAIN, *typed, "--sentence=tu", "--keep-optimizer", "--quality"]) == 0
    run = store.run(1)
    assert capsys.readouterr().err.startswith("s2s: run 1: ")  # no graphs on a CPU
    assert run.remarks
    assert {name: getattr(run.config, name) for name in options} == options
    assert (run.config.sentences, run.config.threads) == (("tu",), 1)
    assert run.config.keep_optimizer
    assert run.config.measure_quality
    shape = ["--layers=2", "--hidden-size=4", "--iterations=1"]
    printed([*TRAIN, *shape, "--continue=last"], capsys)
    assert store.run(2).config.continue_from == 1
    assert load_checkpoint(run_folder(2)).iteration == 2


def test_failed_and_diverged_runs(store: Store, capsys: Capture, before_step: BeforeStep) -> None:
    assert main([*TRAIN, "--device=cuda:99", "--json"]) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("s2s: run 1: ")
    assert "cuda:99" in errors
    before_step(lambda number: torch.tensor(float("nan")) if number == 3 else None)
    assert printed_json([*TRAIN, "--iterations=10"], capsys, code=1)[-1]["state"] == "diverged"
    assert [run.state for run in store.runs()] == [RunState.DIVERGED, RunState.FAILED]
    diverged = printed_json(["export"], capsys)[-1]
    assert diverged["steps"]["loss_sum"][2] is None
    assert diverged["steps"]["loss_sum"][1] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_step_and_the_run_can_be_resumed(
    number: signal.Signals, store: Store, capsys: Capture, before_step: BeforeStep
) -> None:
    before_step(lambda step: signal.raise_signal(number) if step == 3 else None)
    assert main([*TRAIN, "--iterations=12"]) == 130
    output, errors = capsys.readouterr()
    assert output.startswith("Run 1 interrupted after 3 iterations")
    assert "python -m s2s resume 1" in errors
    assert signal.getsignal(number) == signal.SIG_DFL  # a second one ends the program at once
    assert [row["resume_iteration"] for row in printed_json(["runs"], capsys)] == [3]
    assert "python -m s2s resume 1" in printed(["runs"], capsys)
    queued = store.create_run(store.run(1).config)
    store.interrupt_run(queued, [])
    name = "1" if number is signal.SIGTERM else "last"  # last: not the one that has not begun
    summary = printed_json(["resume", name], capsys)[-1]
    assert (summary["run_id"], summary["iterations"], summary["state"]) == (1, 12, "finished")
    error_of(["resume", "1"], capsys)
    printed(["resume", "last"], capsys)
    error_of(["resume", "last"], capsys)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("limit", ["--iterations=5", "--seconds=0.05"])
def test_a_terminal_shows_progress(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main([*TRAIN, limit]) == 0
    assert "%|" in terminal.getvalue()
    assert "validation" in terminal.getvalue()


def test_ctrl_c_in_a_process_of_its_own(store: Store) -> None:
    arguments = [*TRAIN, "--iterations=1000000", "--evaluate-every=5", "--json"]
    command = [sys.executable, "-m", "s2s", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        assert [each["iteration"] for each in objects("".join(lines))] == [0, 5]
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    summary = objects(output)[-1]
    assert (summary["run_id"], summary["state"]) == (1, "interrupted")
    assert [iteration for _, iteration in find_resumable(store)] == [summary["iterations"]]
