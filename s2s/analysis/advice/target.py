"""Steps and time of runs to a target loss, and the lowest target that all runs reached."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from s2s.errors import UserError
from s2s.records import Evaluation, Run


@dataclass(frozen=True)
class StepsToTarget:
    """Steps of one run to the target loss."""

    batch_size: int
    seed: int
    steps: float
    """Optimizer steps; a lower bound if not `reached`, an upper bound if `is_early`."""
    reached: bool
    """Whether the run reached the target."""
    is_early: bool = False
    """Whether the first evaluation after training began was already at or below the target."""

    @property
    def is_exact(self) -> bool:
        """Whether the run crossed the target between two evaluations."""
        return self.reached and not self.is_early


def find_steps_to_target(
    runs: Sequence[Run], evaluations: Mapping[int, Sequence[Evaluation]], target_loss: float
) -> list[StepsToTarget]:
    """Return the steps to target of each run that was evaluated after its first step.

    Steps are on a logarithmic scale, which has no place for the evaluation at step 0. So if the
    next evaluation is already at or below the target, only an upper bound is known.

    Args:
        evaluations: Evaluations by run id.
    """
    points = []
    for run in runs:
        if losses := _list_trained_losses(evaluations[run.id]):
            crossing = _find_crossing(losses, target_loss)
            steps = losses[-1][0] if crossing is None else crossing
            is_early = losses[0][1] <= target_loss
            batch_size, seed = run.config.batch_size, run.config.seed
            points.append(StepsToTarget(batch_size, seed, steps, crossing is not None, is_early))
    return points


def find_seconds_to_target(evaluations: Sequence[Evaluation], target_loss: float) -> float | None:
    """Return the training time to the target validation loss per token, if the run reached it."""
    losses = [(each.training_seconds, loss) for each, loss in _list_losses(evaluations)]
    return _find_crossing(losses, target_loss)


def suggest_target(runs: Iterable[Sequence[Evaluation]]) -> float:
    """Return the lowest target that all runs reached, which is the largest of their lowest losses.

    Args:
        runs: The evaluations of each run.

    Raises:
        UserError: No run has a finite validation loss.
    """
    losses = [[loss for _, loss in _list_trained_losses(evaluations)] for evaluations in runs]
    lowest = [min(each) for each in losses if each]
    if not lowest:
        raise UserError("No run has a validation loss. Use a corpus with a validation split.")
    return max(lowest)


def _list_trained_losses(evaluations: Sequence[Evaluation]) -> list[tuple[float, float]]:
    """Return iteration and validation loss of the evaluations, except the one before training."""
    return [(each.iteration, loss) for each, loss in _list_losses(evaluations) if each.iteration]


def _list_losses(evaluations: Sequence[Evaluation]) -> list[tuple[Evaluation, float]]:
    """Return each evaluation that has a finite validation loss, with that loss."""
    losses = [(each, each.validation_loss_per_token) for each in evaluations]
    return [(each, loss) for each, loss in losses if loss is not None and math.isfinite(loss)]


def _find_crossing(losses: Sequence[tuple[float, float]], target_loss: float) -> float | None:
    """Return the x of the first crossing of the target in pairs of x and loss, if there is one.

    The loss is interpolated linearly in log x. Its fall slows down, so interpolation in x would
    cross too late; it is used only if the interval starts at x = 0.
    """
    index = next((i for i, (_, loss) in enumerate(losses) if loss <= target_loss), None)
    if index is None:
        return None
    end, loss = losses[index]
    if index == 0:
        return end
    start, above = losses[index - 1]
    share = (above - target_loss) / (above - loss)
    return float(start * (end / start) ** share) if start else share * end
