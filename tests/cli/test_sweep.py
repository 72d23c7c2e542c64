"""The commands `sweep`, `sweeps`, `advise` and `replay` on real small runs."""

import signal
from typing import Any

import pytest
import torch

from s2s.cli.main import main
from s2s.config import Budget, Engine, LearningRateRule
from s2s.records import RunState, SweepState
from s2s.store import Store
from s2s.store.sweeps import read_sweep
from s2s.translation.engines import Forward, FusedEngine
from tests.cli.conftest import MODEL, Capture, error_of, printed, printed_json
from tests.tiny import BeforeStep

SWEEP = ["sweep", *MODEL, "--batch-sizes=2,4", "--repeats=2", "--iterations=5"]
pytestmark = pytest.mark.usefixtures("tiny")


def test_estimate_table_and_list(store: Store, capsys: Capture) -> None:
    assert main([*SWEEP, "--repeats=1"]) == 0
    output, errors = capsys.readouterr()
    estimate, titles, *rows = output.splitlines()
    assert estimate.startswith("2 runs on the CPU: about ")
    assert titles.split()[:2] == ["engine", "batch"]
    assert [row.split()[:3] for row in rows] == [
        ["fused", "2", "finished"],
        ["fused", "4", "finished"],
    ]
    assert errors == ""
    assert printed(["sweeps"], capsys).split()[:2] == ["1", "finished"]
    [listed] = printed_json(["sweeps"], capsys)
    assert [row["batch_size"] for row in listed["rows"]] == [2, 4]
    error_of(["replay", "--sweep=1"], capsys)
    with store.transaction() as database:
        database.execute("UPDATE sweeps SET config = '[]' WHERE id = 1")
    assert main(["sweeps"]) == 0
    assert "1" in capsys.readouterr().err.splitlines()[0]


def test_every_option_reaches_the_configuration(store: Store) -> None:
    arguments = [*SWEEP[:5], "--batch-sizes=8, 2", "--engines=fused,article", "--repeats=1"]
    arguments += ["--learning-rate-rule=linear", "--base-batch-size=4", "--learning-rate=0.01"]
    arguments += ["--seconds=0.01", "--keep-all-weights", "--seed=3", "--optimizer=sgd"]
    assert main(arguments) == 0
    config = read_sweep(store, 1).config
    assert config.batch_sizes == (2, 8)
    assert config.engines == (Engine.FUSED, Engine.ARTICLE)
    assert (config.repeats, config.learning_rate_rule) == (1, LearningRateRule.LINEAR)
    assert (config.budget, config.amount) == (Budget.SECONDS, 0.01)
    assert (config.keep_all_weights, config.grow_until_oom) == (True, False)
    base = config.base
    assert (base.corpus, base.batch_size, base.learning_rate) == ("tiny", 4, 0.01)
    assert (base.seed, base.optimizer, base.hidden_size, base.threads) == (3, "sgd", 8, 1)


def test_growing_until_out_of_memory_and_a_failure(
    capsys: Capture, before_step: BeforeStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = FusedEngine.forward

    def limited(engine: FusedEngine, batch: Any, forced: bool) -> Forward:
        if batch.samples > 8:
            raise torch.OutOfMemoryError
        return forward(engine, batch, forced)

    arguments = [*SWEEP, "--batch-sizes=4", "--repeats=1"]
    with monkeypatch.context() as patch:
        patch.setattr(FusedEngine, "forward", limited)
        _, _, *rows, message = printed([*arguments, "--grow-until-oom"], capsys).splitlines()
    outcomes = [["4", "finished"], ["8", "finished"], ["16", "out"]]
    assert [row.split()[1:3] for row in rows] == outcomes
    assert "16" in message

    def fail(_number: int) -> None:
        raise ValueError("broken")

    before_step(fail)
    assert "ValueError: broken" in printed(arguments, capsys, code=1)


def test_ctrl_c_and_resume(store: Store, capsys: Capture, before_step: BeforeStep) -> None:
    # Two trials of five steps, a part of five; then the second part's third step.
    before_step(lambda number: signal.raise_signal(signal.SIGINT) if number == 18 else None)
    assert main(SWEEP) == 130
    output, errors = capsys.readouterr()
    assert "python -m s2s sweep --resume 1" in errors
    assert "waiting" in output
    first, second, *_ = read_sweep(store, 1).parts
    assert (first.run.state, second.run.state) == (RunState.FINISHED, RunState.INTERRUPTED)
    assert second.run.summary.iterations == 3
    estimate, *parts, sweep = printed_json(["sweep", "--resume=1"], capsys)
    assert estimate["event"] == "estimate"
    assert [part["state"] for part in parts] == ["finished"] * 3
    assert sweep["state"] == "finished"
    resumed = read_sweep(store, 1)
    assert resumed.state is SweepState.FINISHED
    assert resumed.parts[0].run == first.run
    assert len(printed(["sweep", "--resume=1"], capsys).splitlines()) == 3  # no estimate


def test_json_with_a_target_and_advice(capsys: Capture) -> None:
    arguments = ["sweep", *MODEL, "--batch-sizes=8,16,32", "--repeats=1", "--samples=3072"]
    arguments += ["--learning-rate-rule=sqrt", "--base-batch-size=8", "--learning-rate=0.005"]
    arguments += ["--optimizer=adam", "--target-loss=1.1"]
    estimate, *parts, sweep = printed_json(arguments, capsys)
    assert (estimate["event"], estimate["device"]) == ("estimate", "cpu")
    assert estimate["total_seconds"] > 0
    rates = {part["config"]["batch_size"]: part["config"]["learning_rate"] for part in parts}
    assert rates == {8: 0.005, 16: pytest.approx(0.00707, rel=0.01), 32: 0.01}
    assert {part["event"] for part in parts} == {"part"}
    assert (sweep["event"], sweep["state"]) == ("sweep", "finished")
    assert (sweep["done"], sweep["total"]) == (3, 3)
    for row in sweep["rows"]:
        assert row["reached"] == 1
        assert row["validation_loss_per_token"] <= 1.1
        assert row["samples_to_target"] == row["batch_size"] * row["steps_to_target"]
    assert printed(["advise"], capsys).startswith("fused: ")
    assert main(["advise", "--gradient-noise"]) == 0
    [advice] = printed_json(["advise", "--check"], capsys)
    assert (advice["engine"], len(advice["further_sizes"])) == ("fused", 3)
    # 50 MB and 1 kB per token, by tests/conftest.py.
    peaks = [point["peak_bytes"] for point in advice["memory"]["points"]]
    assert peaks == [50_160_000, 50_320_000, 50_640_000]
    [memory_check] = advice["memory"]["leave_one_out"]
    assert memory_check["predicted"] == pytest.approx(50_320_000)
    [noise] = advice["gradient_noise"]
    assert noise["scale"]["squared_gradient"]["value"] > 0
    [check] = advice["leave_one_out"]
    assert check["batch_size"] == 16
    assert [run["batch_size"] for run in advice["runs"]] == [8, 16, 32]
    assert all(run["samples_per_second"] > 0 for run in advice["runs"])
    assert printed(["advise", "--check"], capsys).splitlines()[-2].split()[0] == "16"


def test_a_replay_is_stopped_resumed_and_read_again(
    store: Store, capsys: Capture, before_step: BeforeStep
) -> None:
    # The fused engine's trials of five steps at two sizes, and one step of a part.
    before_step(lambda number: signal.raise_signal(signal.SIGINT) if number == 11 else None)
    replay = ["replay", "--corpus=tiny", "--threads=1", "--iterations=4", "--repeats=1"]
    assert main(replay) == 130
    assert "python -m s2s sweep --resume 1" in capsys.readouterr().err
    config = read_sweep(store, 1).config
    assert (config.batch_sizes, config.engines) == ((2, 32), (Engine.ARTICLE, Engine.FUSED))
    assert (config.budget, config.amount) == (Budget.ITERATIONS, 4)
    printed(["sweep", "--resume=1"], capsys)
    text = printed(["replay", "--sweep=1"], capsys)
    assert "226.95" in text  # the article's figure
    assert "\nTranslations of run " in text
    result, first, _, _, last = printed_json(["replay", "--sweep=1"], capsys)
    assert (result["event"], result["corpus"], result["iterations"]) == ("replay", "tiny", 4)
    speeds = {
        (part.engine, part.batch_size): part.run.summary.samples_per_second
        for part in read_sweep(store, 1).parts
    }
    for name in ("article", "fused"):
        expected = speeds[Engine(name), 32] / speeds[Engine(name), 2]
        assert result[name]["ratio"]["value"] == pytest.approx(expected)
        assert result[name]["ratio"]["low"] is None
    assert 0 < result["unigram_loss"] < result["article"]["small"]["untrained_loss"]
    assert result["paragraph"]
    assert (first["engine"], first["batch_size"]) == ("article", 2)
    assert (last["engine"], last["batch_size"]) == ("fused", 32)
    assert [each["iteration"] for each in last["evaluations"]] == [0, 4]
    assert last["evaluations"][0]["translations"]


def test_a_long_replay_has_ten_thousand_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = []

    def stop(_options: object, _store: object, config: Any) -> None:
        configs.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr("s2s.cli.replay.run_parts", stop)
    assert main(["replay", "--long", "--threads=2"]) == 130
    [config] = configs
    assert (config.amount, config.repeats) == (10_000, 1)
    assert (config.base.evaluate_every, config.base.threads) == (1000, 2)
