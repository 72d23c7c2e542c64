"""How many steps a run took to a target loss, and which target a set of runs can be judged by."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from s2s.errors import UserError
from s2s.records import Evaluation


@dataclass(frozen=True)
class StepsToTarget:
    """Of one run. Only a run that crossed the target between two evaluations is `exact`."""

    batch_size: int
    seed: int
    steps: float
    """Optimizer steps; a lower bound where not `reached`, an upper bound where `early`."""
    reached: bool
    """False: censored, the run ended above the target."""
    early: bool = False
    """The first evaluation after training began was already below the target."""

    @property
    def exact(self) -> bool:
        return self.reached and not self.early


def steps_to_target(
    evaluations: Sequence[Evaluation], target_loss: float, batch_size: int, seed: int
) -> StepsToTarget:
    """The first crossing of `target_loss` (validation loss per token, nats), in order of iteration.

    Between the two evaluations around it the loss is taken as linear in log steps. It falls fast
    at first and ever slower, so a straight line over steps lies above it and crosses late, by
    more the rarer the evaluations are. The evaluation before the first step has no place on
    that scale: what was reached by the first one after it is `early`, not a guess between.
    Evaluations without a finite loss are left out. Raises UserError where none has one.
    """
    known = _trained(evaluations)
    if not known:
        raise UserError(
            f"The run at batch size {batch_size:,} (seed {seed}) has no validation loss: choose "
            "runs on a corpus with a validation part that trained up to an evaluation."
        )
    below = next((i for i, (_, loss) in enumerate(known) if loss <= target_loss), None)
    if below is None:
        return StepsToTarget(batch_size, seed, float(known[-1][0]), reached=False)
    if below == 0:
        return StepsToTarget(batch_size, seed, float(known[0][0]), reached=True, early=True)
    (before, above), (after, loss) = known[below - 1], known[below]
    share = (above - target_loss) / (above - loss)
    steps = before * (after / before) ** share
    return StepsToTarget(batch_size, seed, steps, reached=True)


def seconds_to_target(evaluations: Sequence[Evaluation], target_loss: float) -> float | None:
    """Training time to the first crossing, found between two evaluations as for steps.

    Unlike steps this may begin at the evaluation before the first step, from where the loss is
    taken as linear in time. None: not reached.
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


def suggested_target(runs: Iterable[Sequence[Evaluation]]) -> float:
    """The largest of the runs' lowest validation losses: the lowest target that all reach.

    Runs without a finite validation loss are left out. Raises UserError where no run has one.
    """
    losses = [[loss for _, loss in _trained(evaluations)] for evaluations in runs]
    lowest = [min(each) for each in losses if each]
    if not lowest:
        raise UserError(
            "No run has a validation loss: choose runs on a corpus with a validation part."
        )
    return max(lowest)


def target_sentence(target_loss: float) -> str:
    """What a suggested target means."""
    return (
        f"The target is a validation loss of {target_loss:.3g} per token, the lowest that every "
        "one of these runs reached: the run that learnt least sets it. A lower one asks more of "
        "the models, but runs that miss it tell only that they needed more steps than they had."
    )


def _trained(evaluations: Sequence[Evaluation]) -> list[tuple[int, float]]:
    """Iteration and finite validation loss of each evaluation after the first step."""
    return [
        (each.iteration, each.validation_loss_per_token)
        for each in evaluations
        if each.iteration > 0
        and each.validation_loss_per_token is not None
        and math.isfinite(each.validation_loss_per_token)
    ]
