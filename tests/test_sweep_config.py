"""Configurations of sweeps, and the configuration of each run in a sweep."""

import dataclasses
from typing import Any

import pytest

from s2s.config import MAX_ITERATIONS, Budget, Engine, SweepConfig, TrainConfig
from s2s.errors import UserError

BASE = TrainConfig(batch_size=32, learning_rate=0.001, seed=5)
EVERY_70 = TrainConfig(evaluate_every=70)


def run_config(batch_size: int = 32, repeat: int = 0, **changes: Any) -> TrainConfig:
    config = SweepConfig(**({"base": BASE} | changes))
    return config.build_run_config(Engine.FUSED, batch_size, repeat)


def test_learning_rates() -> None:
    """At a sixteenth of the batch size, the rate is the same, a quarter, or a sixteenth."""
    rules = {"constant": (0.001, 0.001), "sqrt": (0.00025, 0.004), "linear": (0.0000625, 0.016)}
    for rule, expected in rules.items():
        rates = [run_config(size, learning_rate_rule=rule).learning_rate for size in (2, 512)]
        assert rates == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "size", "iterations"),
    [
        ({"batch_sizes": (2, 1000), "amount": 1000}, 3, 334),  # 1,002 samples
        ({"batch_sizes": (2, 1000), "amount": 1000}, 32, 32),  # 1,024 samples
        ({"batch_sizes": (2, 1000), "amount": 1000}, 1000, 1),
        ({"budget": "iterations", "amount": 70}, 1024, 70),
        ({"budget": "seconds", "amount": 7.5}, 2, MAX_ITERATIONS),
        ({"budget": "target", "amount": 6400, "target_loss": 2.5}, 32, 200),
    ],
)
def test_budgets(changes: dict[str, Any], size: int, iterations: int) -> None:
    config = run_config(size, **changes)
    assert config.iterations == iterations
    assert config.max_seconds == (7.5 if changes.get("budget") == "seconds" else 0.0)
    assert config.target_loss == changes.get("target_loss", 0.0)


@pytest.mark.parametrize(
    ("changes", "size", "interval"),
    [
        # 100,000 samples: a fortieth is 2,500, 78.1 steps.
        ({"amount": 100_000}, 32, 79),
        # 10,000 samples: at least 1,024 between evaluations.
        ({"amount": 10_000, "batch_sizes": (2, 64)}, 64, 16),
        # The largest size determines the interval of all.
        ({"amount": 10_000, "batch_sizes": (2, 2048)}, 2, 1024),
        # 1,000 iterations: a fortieth is 25.
        ({"budget": "iterations", "amount": 1000}, 512, 25),
        # The base's own interval counts only if all get the same iterations.
        ({"base": EVERY_70, "budget": "iterations", "amount": 1000}, 512, 70),
        ({"base": EVERY_70, "amount": 100_000}, 2, 1250),
        ({"base": EVERY_70, "budget": "seconds", "amount": 9.0}, 2, 0),
    ],
)
def test_evaluation_intervals(changes: dict[str, Any], size: int, interval: int) -> None:
    assert run_config(size, **changes).evaluate_every == interval


def test_repeats_have_consecutive_seeds_and_the_first_keeps_its_weights() -> None:
    base = dataclasses.replace(BASE, keep_optimizer=True, measure_quality=True)
    runs = [run_config(repeat=repeat, base=base) for repeat in range(3)]
    assert [run.seed for run in runs] == [5, 6, 7]
    for name in ("keep_weights", "keep_optimizer", "measure_quality"):
        assert [getattr(run, name) for run in runs] == [True, False, False]
    assert run_config(repeat=2, keep_all_weights=True).keep_weights


def test_runs_differ_from_the_base_in_nothing_else() -> None:
    base = TrainConfig(hidden_size=7, optimizer="adam", threads=1, sentences=("tu",))
    run = run_config(base=base, batch_sizes=(32,), budget="iterations", amount=1000)
    assert run == dataclasses.replace(base, evaluate_every=32)


def test_larger_sizes() -> None:
    def larger_sizes(**changes: Any) -> tuple[int, ...]:
        return SweepConfig(grow_until_oom=bool(changes), **changes).larger_sizes()

    assert larger_sizes() == ()
    assert larger_sizes(batch_sizes=(2, 3000), amount=30_000) == (6000, 12_000, 24_000)
    steps = {"budget": "iterations", "amount": 10}
    assert larger_sizes(**steps) == (2048, 4096, 8192, 16_384, 32_768, 65_536)
    base = TrainConfig(learning_rate=1.0, batch_size=100)  # the learning rate is at most 100
    sizes = larger_sizes(base=base, learning_rate_rule="linear", amount=10**6)
    assert sizes == (2048, 4096, 8192)


@pytest.mark.parametrize(
    "values",
    [
        *({"batch_sizes": sizes} for sizes in ((), "2,8", (0,), ("2",))),
        *({"engines": engines} for engines in ((), ("x",))),
        *({"repeats": repeats} for repeats in (0, 101)),
        {"learning_rate_rule": "cube"},
        {"budget": "epochs"},
        *({"amount": amount} for amount in (0, 1.5, 1000)),
        *({"budget": budget, "amount": 0} for budget in Budget),
        {"target_loss": 2.0},
        {"budget": Budget.TARGET, "target_loss": -1.0},
        {"grow_until_oom": 1},
        {"keep_all_weights": 1},
        {"base": None},
        {"base": TrainConfig(learning_rate=10.0), "learning_rate_rule": "linear"},
        {"base": TrainConfig(precision="bf16"), "engines": ("article",)},
        {"base": TrainConfig(seed=2**31 - 1)},
    ],
)
def test_invalid_values(values: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        SweepConfig(**values)
