"""Batch-size studies with known answers: steps of runs to a target, and draws of step times."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.run.steps import Floats

SIZES = (4, 16, 64, 256, 1024)
SEEDS = 3
SPREAD = 0.1
"""Standard deviation of log S between the seeds of a size."""


@dataclass(frozen=True)
class Study:
    points: tuple[StepsToTarget, ...]
    step_time_draws: Floats
    """(draws, 2): alpha and beta, seconds."""
    exact_seconds: Callable[[Floats], Floats]
    """The true time to target at each batch size."""
    b_crit: float | None
    """`None` if the steps do not follow the model exactly."""


def model_study(
    seed: int,
    b_crit: tuple[float, float] = (16, 256),
    b_half: tuple[float, float] = (8, 128),
    spread: float = SPREAD,
) -> Study:
    """Steps by the model itself; B_crit and alpha/beta are log-uniform between the given ends."""
    random = np.random.default_rng(seed)
    true_b_crit = _log_uniform(random, *b_crit)
    s_min = _log_uniform(random, 100, 10_000)

    def steps(sizes: Floats) -> Floats:
        return s_min * (1 + true_b_crit / sizes)

    return _study(random, steps, spread, b_half, true_b_crit)


def quadratic_study(seed: int) -> Study:
    """SGD on a noisy quadratic, the rate tuned at each batch size."""
    random = np.random.default_rng(seed)
    curvatures = np.arange(1, 101.0) ** -random.uniform(0.7, 1.3)
    noise = _log_uniform(random, 1, 20)
    start = 0.5 * curvatures.sum()
    target = start * random.uniform(0.02, 0.1)

    def steps(sizes: Floats) -> Floats:
        return np.array([quadratic_steps(curvatures, noise, target, size) for size in sizes])

    return _study(random, steps, SPREAD, (8, 128), None)


def quadratic_loss(
    curvatures: Floats, noise: float, rates: Floats, batch_size: float, steps: Floats
) -> Floats:
    """Expected loss after `steps` steps of SGD at each of `rates`; shapes broadcast as (rates,).

    Loss 0.5 * sum(h_i * x_i**2) from x_i = 1, gradients with variance noise * h_i / batch_size
    in each direction (Zhang et al. 2019, arXiv 1907.04164): E[x_i**2] goes from 1 to its
    stationary value rate * noise / (batch_size * (2 - rate*h_i)) by (1 - rate*h_i)**2 per step.
    """
    shrunk = (1 - rates[:, None] * curvatures) ** 2
    rest = rates[:, None] * noise / (batch_size * (2 - rates[:, None] * curvatures))
    squares: Floats = shrunk ** steps[:, None] * (1 - rest) + rest
    losses: Floats = 0.5 * squares @ curvatures
    return losses


def quadratic_steps(
    curvatures: Floats, noise: float, target: float, batch_size: float, rates: int = 30
) -> float:
    """Least steps to an expected loss of `target` over a grid of rates, by bisection in log steps.

    Rates at which a direction's noise ends above its start are skipped: at the others the loss
    falls steadily, so it crosses the target once.
    """
    grid = np.geomspace(1e-4, 1.0, rates) / curvatures.max()
    stationary = grid * noise / (batch_size * (2 - grid * curvatures.max()))
    grid = grid[stationary <= 1]
    low, high = np.zeros(len(grid)), np.full(len(grid), np.log(1e7))
    reached = quadratic_loss(curvatures, noise, grid, batch_size, np.exp(high)) <= target
    for _ in range(22):
        middle = (low + high) / 2
        above = quadratic_loss(curvatures, noise, grid, batch_size, np.exp(middle)) > target
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    assert reached.any()
    return float(np.exp(high[reached].min()))


def _study(
    random: np.random.Generator,
    steps: Callable[[Floats], Floats],
    spread: float,
    b_half: tuple[float, float],
    b_crit: float | None,
) -> Study:
    beta = _log_uniform(random, 1e-4, 1e-2)
    alpha = beta * _log_uniform(random, *b_half)
    exact = steps(np.array(SIZES, np.float64))
    points = tuple(
        StepsToTarget(size, seed, float(mean * np.exp(spread * random.standard_normal())), True)
        for size, mean in zip(SIZES, exact, strict=True)
        for seed in range(SEEDS)
    )
    line = np.array([alpha, beta]) * np.exp(0.02 * random.standard_normal(2))
    return Study(
        points=points,
        step_time_draws=line * np.exp(0.02 * random.standard_normal((1000, 2))),
        exact_seconds=lambda sizes: steps(sizes) * (alpha + beta * sizes),
        b_crit=b_crit,
    )


def _log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(random.uniform(np.log(low), np.log(high))))
