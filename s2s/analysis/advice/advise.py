"""Which batch size to use, how sure that is, and what would make it surer: figures and words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from s2s.analysis.advice.batch_law import BatchLaw, OpenEnd, most_helpful_sizes
from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.advice.time_to_target import Prediction, Standing, TimeToTarget, time_to_target
from s2s.analysis.estimate import Estimate
from s2s.analysis.run.steps import Floats
from s2s.formatting import format_duration


class Rates(StrEnum):
    """How the runs' learning rates were chosen; the law presumes one tuned at each size."""

    TUNED = "tuned"
    RULE = "rule"
    CONSTANT = "constant"


_RATES = {
    Rates.TUNED: "The learning rate was tuned at each size, as the law presumes.",
    Rates.RULE: (
        "The law presumes a learning rate tuned at each size; here it only followed a rule, so "
        "that a size may look slow because of its rate."
    ),
    Rates.CONSTANT: (
        "The law presumes a learning rate tuned at each size; here all sizes had the same one, so "
        "that a size may look slow, or miss the target, because of its rate."
    ),
}


@dataclass(frozen=True)
class Advice:
    target_loss: float
    """Validation loss per token, nats."""
    law: BatchLaw
    times: TimeToTarget
    recommended: int
    """The size with the least predicted time, among the good ones where there are any."""
    good_sizes: tuple[int, ...]
    """Ascending; empty where none can be put in."""
    identifiable: bool
    """Whether any size could be put in the range of good ones."""
    further_sizes: tuple[int, ...]
    """At which further runs would help most, in this order."""
    paragraph: str


def advise(law: BatchLaw, line_draws: Floats, target_loss: float, rates: Rates) -> Advice:
    """From the law and the draws, (draws, 2), of the line of step times. See `time_to_target`."""
    times = time_to_target(law, line_draws)
    standings = {each.batch_size: each.standing for each in times.predictions}
    good = tuple(size for size, standing in standings.items() if standing is Standing.GOOD)
    of = [each for each in times.predictions if not good or each.batch_size in good]
    best = min(of, key=lambda each: each.seconds.value)
    further = most_helpful_sizes(law, times.beyond)
    sentences = [
        _range(times, good),
        _time(times, best, good, target_loss),
        _measured(times, best),
        _edge(times, good),
        _critical(law),
        _further(law, further, good),
        *_doubts(law),
        _RATES[rates],
    ]
    return Advice(
        target_loss=target_loss,
        law=law,
        times=times,
        recommended=best.batch_size,
        good_sizes=good,
        identifiable=bool(good),
        further_sizes=further,
        paragraph=" ".join(filter(None, sentences)),
    )


def _range(times: TimeToTarget, good: Sequence[int]) -> str:
    if not good:
        slow = [each.batch_size for each in times.predictions if each.standing is Standing.SLOW]
        out = f"; only {_listed(slow)} can be put out of it" if slow else ", nor out of it"
        return (
            "Which batch size is right on this machine is not identifiable from these runs: no "
            f"size can be put within 10 % of the best time{out}."
        )
    if len(good) == 1:
        return f"{good[0]:,} is right on this machine; no other size is surely within 10 % of it."
    sizes = [each.batch_size for each in times.predictions]
    whole = sizes.index(good[-1]) - sizes.index(good[0]) + 1 == len(good)
    which = f"Anything from {good[0]:,} to {good[-1]:,}" if whole else f"Any of {_listed(good)}"
    return f"{which} is right on this machine: within 10 % of the least time."


def _time(times: TimeToTarget, best: Prediction, good: Sequence[int], target_loss: float) -> str:
    by = "" if good else "By the fitted curve "
    seconds = f"{format_duration(best.seconds.value)}{_between(best.seconds, format_duration)}"
    said = (
        f"{by}{best.batch_size:,} reaches a validation loss of {target_loss:.3g} per token in "
        f"about {seconds}"
    )
    slowest = max(times.predictions, key=lambda each: each.seconds.value)
    if slowest.standing is Standing.SLOW:
        sooner = slowest.seconds.value / best.seconds.value
        said += f", {sooner:.1f} times sooner than {slowest.batch_size:,}"
    return f"{said}."


def _measured(times: TimeToTarget, best: Prediction) -> str:
    fastest = times.fastest_measured
    if fastest is None:
        return "At no size did every run cross the target, so that none is the fastest measured."
    if fastest == best.batch_size:
        return "It is also the fastest size measured."
    return f"The fastest size measured is {fastest:,}; confirm {best.batch_size:,} by one more run."


def _edge(times: TimeToTarget, good: Sequence[int]) -> str:
    """What lies beyond the measured sizes is not known, and may be better."""
    smallest, largest = times.predictions[0].batch_size, times.predictions[-1].batch_size
    measured = f"{smallest:,} to {largest:,}"
    if times.beyond:
        which = "larger" if times.beyond > largest else "smaller"
        return f"Sizes {which} than those measured, {measured}, may be faster still."
    if largest in good or (smallest in good and smallest > 1):
        return f"The range may go on beyond the sizes measured, {measured}."
    return ""


def _critical(law: BatchLaw) -> str:
    if law.identifiable:
        return (
            f"The critical batch size, above which more samples a step save few steps, is about "
            f"{law.b_crit.value:,.0f}{_between(law.b_crit, _samples)}."
        )
    said = "The critical batch size is not identifiable: "
    sizes = law.sizes
    match law.open_end:
        case OpenEnd.HIGH:
            return (
                f"{said}up to {sizes[-1]:,} every doubling about halves the steps, and where that "
                "ends was not seen."
            )
        case OpenEnd.LOW:
            return (
                f"{said}from {sizes[0]:,} on larger batches save hardly any steps, and where that "
                "begins was not seen."
            )
        case _ if law.deviation is None:
            return f"{said}two runs give a curve and no doubt about it."
        case OpenEnd.BOTH:
            return f"{said}it has no bound on either side."
        case OpenEnd.NONE if len(sizes) < 3:
            return f"{said}two sizes give a curve and cannot check it."
        case OpenEnd.NONE:
            return f"{said}its interval{_between(law.b_crit, _samples)} is too wide."


def _further(law: BatchLaw, further: Sequence[int], good: Sequence[int]) -> str:
    if law.identifiable and good:
        return ""
    first, *rest = further
    if set(rest) == {first}:
        return f"{len(further)} further runs at {first:,} would help most."
    runs = [
        f"{'one' if rest.count(size) == 1 else rest.count(size)} at {size:,}"
        for size in dict.fromkeys(rest)
    ]
    return f"A further run at {first:,} would help most, then {' and '.join(runs)}."


def _doubts(law: BatchLaw) -> list[str]:
    """On the runs that are not in the fit, and what speaks against it."""
    missed = [point for point in law.points if not point.reached]
    early = [point for point in law.points if point.early]
    said = []
    if missed:
        said.append(
            f"{_runs(missed, law)} missed the target: they would have needed more steps, how many "
            "is not known, and they are not in the fit."
        )
    if early:
        said.append(
            f"{_runs(early, law)} had reached the target by their first evaluation: when is not "
            "known, and they are not in the fit."
        )
    if law.contradicting:
        sizes = _listed(sorted({point.batch_size for point in law.contradicting}))
        said.append(f"That contradicts the fitted curve at {sizes}: do not rely on it there.")
    if law.misfit:
        said.append(
            "The measured sizes lie farther from the fitted curve than their seeds from each "
            "other: the law holds only roughly here. The times follow the runs, and the intervals "
            "are wider for it."
        )
    return said


def _runs(points: Sequence[StepsToTarget], law: BatchLaw) -> str:
    sizes = _listed(sorted({point.batch_size for point in points}))
    return f"{len(points)} of {len(law.points)} runs (batch size {sizes})"


def _between(estimate: Estimate, said: Callable[[float], str]) -> str:
    """Empty without an interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f" ({said(estimate.low)} to {said(estimate.high)})"


def _samples(size: float) -> str:
    return f"{size:,.0f}"


def _listed(sizes: Sequence[int]) -> str:
    *before, last = [f"{size:,}" for size in sizes]
    return f"{', '.join(before)} and {last}" if before else last
