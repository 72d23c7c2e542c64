import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.config import UNLIMITED, Budget, Engine, LearningRateRule, SweepConfig, TrainConfig
from s2s.errors import UserError

BASE = TrainConfig(batch_size=32, learning_rate=0.001, seed=5)
EVERY_70 = TrainConfig(evaluate_every=70)

sweeps = st.builds(
    SweepConfig,
    base=st.builds(TrainConfig, seed=st.integers(0, 1000), batch_size=st.integers(1, 512)),
    batch_sizes=st.lists(st.integers(1, 1024), min_size=1, max_size=6).map(tuple),
    grow_until_oom=st.booleans(),
    engines=st.lists(st.sampled_from([Engine.ARTICLE, Engine.FUSED]), min_size=1).map(tuple),
    repeats=st.integers(1, 100),
    learning_rate_rule=st.sampled_from(LearningRateRule),
    budget=st.sampled_from([Budget.ITERATIONS, Budget.SAMPLES, Budget.SECONDS]),
    amount=st.integers(1024, 10**6),
    keep_all_weights=st.booleans(),
)


@given(sweeps)
def test_json_round_trip(config: SweepConfig) -> None:
    text = json.dumps(config.to_json(), allow_nan=False)
    assert SweepConfig.from_json(json.loads(text)) == config


def test_what_is_missing_or_unknown_in_json() -> None:
    values = {"repeats": 2, "from_the_future": 1, "base": {"seed": 4, "unknown": 2}}
    assert SweepConfig.from_json(values) == SweepConfig(repeats=2, base=TrainConfig(seed=4))
    assert SweepConfig.from_json({}) == SweepConfig()


def test_defaults_are_powers_of_two() -> None:
    assert SweepConfig().batch_sizes == tuple(2**power for power in range(1, 11))


def test_sizes_are_sorted_and_each_stands_once() -> None:
    config = SweepConfig(batch_sizes=(32, 2, 32), engines=("fused", "article", "fused"))
    assert config.batch_sizes == (2, 32)
    assert config.engines == (Engine.FUSED, Engine.ARTICLE)


# The runs that parts are


def run_config(batch_size: int = 32, repeat: int = 0, **choices: Any) -> TrainConfig:
    config = SweepConfig(**({"base": BASE} | choices))
    return config.run_config(Engine.FUSED, batch_size, repeat)


@pytest.mark.parametrize(
    ("rule", "size", "rate"),
    [
        ("constant", 2, 0.001),
        ("constant", 512, 0.001),
        ("sqrt", 32, 0.001),
        ("sqrt", 2, 0.00025),  # a sixteenth of the size, a quarter of the rate
        ("sqrt", 512, 0.004),
        ("linear", 2, 0.0000625),
        ("linear", 512, 0.016),
    ],
)
def test_rates(rule: str, size: int, rate: float) -> None:
    assert run_config(size, learning_rate_rule=rule).learning_rate == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize(
    ("size", "iterations"), [(2, 500), (3, 334), (32, 32), (512, 2), (1000, 1)]
)
def test_equal_samples(size: int, iterations: int) -> None:
    """1,000 samples: 500 x 2, 334 x 3 = 1,002, 32 x 32 = 1,024, 2 x 512 = 1,024, 1 x 1,000."""
    config = run_config(size, batch_sizes=(2, 1000), amount=1000)
    assert (config.iterations, config.max_seconds, config.target_loss) == (iterations, 0.0, 0.0)


def test_equal_iterations() -> None:
    for size in (2, 1024):
        config = run_config(size, budget="iterations", amount=70)
        assert (config.iterations, config.max_seconds) == (70, 0.0)


def test_equal_seconds() -> None:
    config = run_config(2, budget="seconds", amount=7.5)
    assert (config.iterations, config.max_seconds, config.evaluate_every) == (UNLIMITED, 7.5, 0)


def test_a_target_with_a_limit_of_samples() -> None:
    config = run_config(32, budget="target", amount=6400, target_loss=2.5)
    assert (config.iterations, config.target_loss) == (200, 2.5)


@pytest.mark.parametrize(
    ("choices", "size", "every"),
    [
        # 100,000 samples: a fortieth is 2,500.
        ({"amount": 100_000}, 2, 1250),
        ({"amount": 100_000}, 32, 79),  # 78.1 rounded up
        ({"amount": 100_000}, 1024, 3),
        # 10,000: an evaluation is not worth its while before 1,024 samples.
        ({"amount": 10_000, "batch_sizes": (2, 64)}, 2, 512),
        ({"amount": 10_000, "batch_sizes": (2, 64)}, 64, 16),
        # The largest size sets the distance of all.
        ({"amount": 10_000, "batch_sizes": (2, 2048)}, 2, 1024),
        ({"amount": 10_000, "batch_sizes": (2, 2048)}, 2048, 1),
        # 1,000 iterations: a fortieth is 25, and 1,024 samples are 512 of batch size 2.
        ({"budget": "iterations", "amount": 1000}, 2, 512),
        ({"budget": "iterations", "amount": 1000}, 32, 32),
        ({"budget": "iterations", "amount": 1000}, 512, 25),
        # The base may say it where all get the same iterations, and only there.
        ({"base": EVERY_70, "budget": "iterations", "amount": 1000}, 2, 70),
        ({"base": EVERY_70, "budget": "iterations", "amount": 1000}, 512, 70),
        ({"base": EVERY_70, "amount": 100_000}, 2, 1250),
        ({"base": EVERY_70, "budget": "seconds", "amount": 9.0}, 2, 0),
    ],
)
def test_evaluations(choices: dict[str, Any], size: int, every: int) -> None:
    assert run_config(size, **choices).evaluate_every == every


@given(sweeps)
def test_every_part_is_evaluated_at_most_forty_times(config: SweepConfig) -> None:
    for size in config.batch_sizes:
        run = config.run_config(config.engines[0], size, 0)
        if run.evaluate_every:
            assert run.iterations / run.evaluate_every <= 40


def test_repeats_have_seeds_that_follow_and_the_first_keeps_its_weights() -> None:
    runs = [run_config(repeat=repeat) for repeat in range(3)]
    assert [run.seed for run in runs] == [5, 6, 7]
    assert [run.keep_weights for run in runs] == [True, False, False]
    assert run_config(repeat=2, keep_all_weights=True).keep_weights


def test_the_optimizers_state_is_kept_only_beside_weights() -> None:
    config = SweepConfig(base=TrainConfig(keep_optimizer=True))
    runs = [config.run_config(Engine.FUSED, 2, repeat) for repeat in range(2)]
    assert [run.keep_optimizer for run in runs] == [True, False]


def test_parts_differ_from_the_base_in_nothing_else() -> None:
    base = TrainConfig(hidden_size=7, optimizer="adam", threads=1, sentences=("tu",))
    config = SweepConfig(base=base, batch_sizes=(32,), budget="iterations", amount=1000)
    run = config.run_config(Engine.FUSED, 32, 0)
    assert run == dataclasses.replace(base, evaluate_every=32)


# Until memory ends


def test_larger_sizes_double() -> None:
    config = SweepConfig(batch_sizes=(2, 3000), grow_until_oom=True, amount=30_000)
    assert config.larger_sizes() == (6000, 12_000, 24_000)


def test_larger_sizes_end_with_what_can_be_configured() -> None:
    many = SweepConfig(grow_until_oom=True, budget="iterations", amount=10)
    assert many.larger_sizes() == (2048, 4096, 8192, 16_384, 32_768, 65_536)
    fast = TrainConfig(learning_rate=1.0, batch_size=1024)  # at most 100 in TrainConfig
    steep = SweepConfig(base=fast, learning_rate_rule="linear", grow_until_oom=True, amount=10**6)
    assert steep.larger_sizes() == (2048, 4096, 8192, 16_384, 32_768, 65_536)
    fast = TrainConfig(learning_rate=1.0, batch_size=100)
    steep = SweepConfig(base=fast, learning_rate_rule="linear", grow_until_oom=True, amount=10**6)
    assert steep.larger_sizes() == (2048, 4096, 8192)
    assert SweepConfig().larger_sizes() == ()


# What is refused


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"batch_sizes": ()}, "The batch sizes of a sweep are a list of at least one"),
        ({"batch_sizes": "2,8"}, "are a list of at least one"),
        ({"batch_sizes": (0,)}, "A batch size is a whole number from 1"),
        ({"batch_sizes": ("2",)}, "A batch size is a whole number"),
        ({"engines": ()}, "The engines of a sweep are a list of at least one"),
        ({"engines": ("x",)}, "The engine is one of article, fused, graphed"),
        ({"repeats": 0}, "number of repeats"),
        ({"repeats": 101}, "number of repeats"),
        ({"learning_rate_rule": "cube"}, "one of constant, sqrt, linear"),
        ({"budget": "epochs"}, "one of iterations, samples, seconds, target"),
        ({"amount": 0}, "number of samples"),
        ({"amount": 1.5}, "number of samples"),
        ({"budget": "iterations", "amount": 0}, "number of iterations"),
        ({"budget": "seconds", "amount": 0}, "above 0"),
        ({"amount": 1000}, "Batch size 1,024 is more than the 1,000 samples of a part"),
        ({"budget": "target"}, "go together"),
        ({"target_loss": 2.0}, "go together"),
        ({"budget": "target", "target_loss": -1.0}, "The target loss is a number"),
        ({"grow_until_oom": 1}, "true or false"),
        ({"keep_all_weights": 1}, "true or false"),
        ({"base": {}}, "a run's configuration"),
        (
            {"base": TrainConfig(learning_rate=10.0), "learning_rate_rule": "linear"},
            "The learning rate",
        ),
        ({"base": TrainConfig(precision="bf16"), "engines": ("article",)}, "choose the fused"),
        ({"base": TrainConfig(seed=2**31 - 1)}, "The seed"),
    ],
)
def test_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as caught:
        SweepConfig(**values)
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")
