"""Steps and time of runs to a target loss, and the target that a set of runs supports."""

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
    """Optimizer steps; a lower bound if not `reached`, an upper bound if `early`."""
    reached: bool
    """False: censored, the run ended above the target."""
    early: bool = False
    """The first evaluation after a step was already at or below the target."""

    @property
    def exact(self) -> bool:
        """Whether the run crossed the target between two evaluations."""
        return self.reached and not self.early


def find_steps_to_target(
    evaluations: Sequence[Evaluation], target_loss: float, batch_size: int, seed: int
) -> StepsToTarget:
    """Return the steps to the first crossing of a validation loss per token, in nats.

    Between the two evaluations around the crossing the loss is interpolated linearly in log
    steps: it falls ever more slowly, so interpolation in steps would cross late, the more so the
    rarer the evaluations. The evaluation before the first step has no place on that scale; a
    target reached by the first one after it is `early`. Evaluations without a finite loss are
    skipped.

    Raises:
        UserError: No evaluation after a step has a finite validation loss.
    """
    trained = _trained_losses(evaluations)
    if not trained:
        raise UserError(
            f"The run at batch size {batch_size:,} (seed {seed}) has no validation loss. Use runs "
            "on a corpus with a validation split that trained up to an evaluation."
        )
    below = next((i for i, (_, loss) in enumerate(trained) if loss <= target_loss), None)
    if below is None:
        return StepsToTarget(batch_size, seed, float(trained[-1][0]), reached=False)
    if below == 0:
        return StepsToTarget(batch_size, seed, float(trained[0][0]), reached=True, early=True)
    (before, above), (after, loss) = trained[below - 1], trained[below]
    share = (above - target_loss) / (above - loss)
    return StepsToTarget(batch_size, seed, before * (after / before) ** share, reached=True)


def find_all_steps_to_target(
    runs: Sequence[Run], evaluations: Mapping[int, Sequence[Evaluation]], target_loss: float
) -> list[StepsToTarget]:
    """Return the steps of each run that was evaluated; `evaluations` by run id."""
    return [
        find_steps_to_target(
            evaluations[run.id], target_loss, run.config.batch_size, run.config.seed
        )
        for run in runs
        if _trained_losses(evaluations[run.id])
    ]


def find_seconds_to_target(evaluations: Sequence[Evaluation], target_loss: float) -> float | None:
    """Return the training time to the first crossing, interpolated as for steps.

    Before the first step there is no log scale: from there the loss is interpolated linearly in
    time. None if the target was not reached.
    """
    before: tuple[float, float] | None = None
    for each in evaluations:
        loss = each.validation_loss_per_token
        if loss is None or not math.isfinite(loss):
            continue
        if loss <= target_loss:
            if before is None or before[1] == loss:
                return each.training_seconds
            (start, above), end = before, each.training_seconds
            share = (above - target_loss) / (above - loss)
            return start * (end / start) ** share if start else share * end
        before = each.training_seconds, loss
    return None


def suggest_target(runs: Iterable[Sequence[Evaluation]]) -> float:
    """Return the lowest target that all runs reached: the largest of their lowest losses.

    Runs without a finite validation loss are skipped.

    Raises:
        UserError: No run has one.
    """
    losses = [[loss for _, loss in _trained_losses(evaluations)] for evaluations in runs]
    lowest = [min(each) for each in losses if each]
    if not lowest:
        raise UserError("No run has a validation loss. Use a corpus with a validation split.")
    return max(lowest)


def _trained_losses(evaluations: Sequence[Evaluation]) -> list[tuple[int, float]]:
    """Return iteration and finite validation loss of each evaluation after the first step."""
    return [
        (each.iteration, each.validation_loss_per_token)
        for each in evaluations
        if each.iteration > 0
        and each.validation_loss_per_token is not None
        and math.isfinite(each.validation_loss_per_token)
    ]
