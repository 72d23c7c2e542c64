"""`python -m s2s sweep` and `python -m s2s sweeps`."""

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import torch

from s2s.cli import main
from s2s.config import Budget, Engine, LearningRateRule
from s2s.data import catalog
from s2s.paths import corpora_folder, home
from s2s.records import RunState, SweepState
from s2s.store import Store
from s2s.store.sweeps import read_sweep
from s2s.translation.engines import Forward, FusedEngine
from tests.cli.commands import objects, refused

COMMON = ["--hidden-size=8", "--threads=1", "--device=cpu"]
SWEEP = ["sweep", "--corpus=tiny", *COMMON, "--batch-sizes=2,4", "--repeats=2", "--iterations=5"]
Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("signals_as_before")


def at_step(monkeypatch: pytest.MonkeyPatch, action: Callable[[int, int], object]) -> None:
    """`action(number, samples)` before each step, `number` counting from 1."""
    forward = FusedEngine.forward
    count = 0

    def acting(engine: FusedEngine, batch: Any, forced: bool) -> Forward:
        nonlocal count
        count += 1
        action(count, batch.samples)
        return forward(engine, batch, forced)

    monkeypatch.setattr(FusedEngine, "forward", acting)


def config_of(sweep_id: int = 1) -> Any:
    with closing(Store(home())) as store:
        return read_sweep(store, sweep_id).config


@pytest.mark.usefixtures("tiny")
def test_estimate_and_table(capsys: Capture) -> None:
    assert main(SWEEP) == 0
    output, errors = capsys.readouterr()
    estimate, title, small, large = output.splitlines()
    assert estimate.startswith("4 runs on the processor: about ")
    assert estimate.endswith(" by trial steps.")
    assert title.split() == ["engine", "batch", "state", "samples/s", "validation,", "a", "token"]
    assert small.split()[:3] == ["fused", "2", "finished"]
    assert large.split()[:3] == ["fused", "4", "finished"]
    assert float(large.split()[4]) > 0
    assert errors == ""


def test_json_on_the_starter_corpus(capsys: Capture) -> None:
    catalog.add(corpora_folder(), "starter")
    arguments = ["sweep", *COMMON, "--batch-sizes=64,256", "--repeats=1", "--samples=4096"]
    arguments += ["--learning_rate_rule=sqrt", "--base-batch-size=64", "--learning-rate=0.004"]
    assert main([*arguments, "--target-loss=6.9", "--json"]) == 0
    estimate, *parts, whole = objects(capsys.readouterr().out)
    assert (estimate["event"], estimate["device"]) == ("estimate", "cpu")
    assert estimate["total_seconds"] > 0
    rates = {part["config"]["batch_size"]: part["config"]["learning_rate"] for part in parts}
    assert rates == {64: 0.004, 256: 0.008}
    assert {part["event"] for part in parts} == {"part"}
    assert (whole["event"], whole["state"]) == ("sweep", "finished")
    assert (whole["done"], whole["total"]) == (2, 2)
    for row in whole["rows"]:
        assert row["reached"] == 1
        assert row["validation_loss_per_token"] <= 6.9
        assert row["samples_to_target"] == row["batch_size"] * row["steps_to_target"]
        assert 0 < row["samples_to_target"] <= 4096


@pytest.mark.usefixtures("tiny")
def test_every_option_reaches_the_configuration() -> None:
    arguments = ["sweep", "--corpus=tiny", *COMMON, "--batch-sizes=8, 2", "--engines=fused,article"]
    arguments += ["--repeats=1", "--learning_rate_rule=linear", "--base-batch-size=4", "--learning-rate=0.01"]
    arguments += ["--seconds=0.01", "--keep-all-weights", "--seed=3", "--optimizer=sgd"]
    assert main(arguments) == 0
    config = config_of()
    assert config.batch_sizes == (2, 8)
    assert config.engines == (Engine.FUSED, Engine.ARTICLE)
    assert (config.repeats, config.learning_rate_rule) == (1, LearningRateRule.LINEAR)
    assert (config.budget, config.amount) == (Budget.SECONDS, 0.01)
    assert (config.keep_all_weights, config.grow_until_oom) == (True, False)
    base = config.base
    assert (base.corpus, base.batch_size, base.learning_rate) == ("tiny", 4, 0.01)
    assert (base.seed, base.optimizer, base.hidden_size, base.threads) == (3, "sgd", 8, 1)


@pytest.mark.usefixtures("tiny")
def test_until_memory_ends(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int, samples: int) -> None:
        if samples > 8:
            raise torch.OutOfMemoryError

    at_step(monkeypatch, fail)
    arguments = [*SWEEP, "--batch-sizes=4", "--repeats=1", "--grow-until-oom"]
    assert main(arguments) == 0
    estimate, _, *rows, message = capsys.readouterr().out.splitlines()
    assert estimate.endswith("; larger sizes come on top.")
    assert [row.split()[1:3] for row in rows] == [
        ["4", "finished"],
        ["8", "finished"],
        ["16", "out"],
    ]
    assert message.startswith("Batch size 16, fused: The memory did not suffice")


@pytest.mark.usefixtures("tiny")
def test_nothing_finished_is_an_error(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(number: int, _: int) -> None:
        if number > 10:  # after the two trials
            raise ValueError("broken")

    at_step(monkeypatch, fail)
    assert main([*SWEEP, "--repeats=1"]) == 1
    assert "Batch size 2, fused: ValueError: broken" in capsys.readouterr().out


# Stopping and going on


@pytest.mark.usefixtures("tiny")
def test_ctrl_c_and_resume(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two trials of five steps, a part of five; then the second part's third step.
    at_step(monkeypatch, lambda number, _: number == 18 and signal.raise_signal(signal.SIGINT))
    assert main(SWEEP) == 130
    output, errors = capsys.readouterr()
    assert errors == ("s2s: sweep 1 is not finished; go on with: python -m s2s sweep --resume 1\n")
    assert "waiting" in output
    with closing(Store(home())) as store:
        first, second, *_ = read_sweep(store, 1).parts
    assert (first.run.state, second.run.state) == (RunState.FINISHED, RunState.INTERRUPTED)
    assert second.run.summary.iterations == 3
    assert main(["sweep", "--resume=1", "--json"]) == 0
    estimate, *parts, whole = objects(capsys.readouterr().out)
    assert estimate["event"] == "estimate"
    assert [part["state"] for part in parts] == ["finished"] * 3
    assert whole["state"] == "finished"
    with closing(Store(home())) as store:
        found = read_sweep(store, 1)
    assert found.state is SweepState.FINISHED
    assert found.parts[0].run == first.run
    assert main(["sweep", "--resume=1"]) == 0  # nothing is left
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_no_such_sweep(capsys: Capture) -> None:
    assert "Sweep 9 not found" in refused(["sweep", "--resume=9"], capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--batch-sizes=2,x"], "Batch sizes are whole numbers"),
        (["--batch-sizes=0"], "A batch size is a whole number"),
        (["--engines="], "The engines of a sweep are a list"),
        (["--samples=100"], "Batch size 1,024 is more than the 100 samples"),
        (["--target-loss=2", "--seconds=9"], "--target-loss is given with --samples"),
        (["--target-loss=-1"], "The target loss"),
        (["--iterations=0"], "The number of iterations"),
    ],
)
def test_bad_choices_make_no_sweep(arguments: list[str], words: str, capsys: Capture) -> None:
    assert words in refused(["sweep", *arguments], capsys)
    assert not home().exists()


def test_what_cannot_run_makes_no_sweep(capsys: Capture) -> None:
    assert "There is no corpus 'tiny'" in refused(SWEEP, capsys)
    with closing(Store(home())) as store:
        assert store.runs() == []
    assert main(["sweeps"]) == 0
    assert capsys.readouterr().out.startswith("No sweep yet")


def test_two_budgets_are_wrong_usage(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["sweep", "--samples=5", "--iterations=5"])
    assert caught.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


# The list


@pytest.mark.usefixtures("tiny")
def test_a_list(capsys: Capture) -> None:
    for sizes in ("2", "2,4"):
        assert main([*SWEEP, f"--batch-sizes={sizes}", "--repeats=1"]) == 0
    capsys.readouterr()
    assert main(["sweeps"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "   2  finished  tiny · batch 2 to 4 · 1 repeat: 2 of 2 runs done",
        "   1  finished  tiny · batch 2 · 1 repeat: 1 of 1 runs done",
    ]
    assert main(["sweeps", "--json"]) == 0
    first, second = objects(capsys.readouterr().out)
    assert [first["sweep_id"], second["sweep_id"]] == [2, 1]
    assert [row["batch_size"] for row in first["rows"]] == [2, 4]


@pytest.mark.usefixtures("tiny")
def test_a_list_names_what_cannot_be_read(capsys: Capture) -> None:
    for _ in range(2):
        assert main([*SWEEP, "--batch-sizes=2", "--repeats=1"]) == 0
    capsys.readouterr()
    with closing(Store(home())) as store, store.transaction() as database:
        database.execute("UPDATE sweeps SET config = '[]' WHERE id = 1")
    assert main(["sweeps"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == ["   2  finished  tiny · batch 2 · 1 repeat: 1 of 1 runs done"]
    assert told.err.startswith("Sweep 1 cannot be read ")
    main(["advise"])  # of the other
    assert capsys.readouterr().err.startswith("Sweep 1 cannot be read ")


def test_a_list_does_without_torch() -> None:
    code = (
        "import sys; from s2s.cli import main; main(['sweeps']); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
