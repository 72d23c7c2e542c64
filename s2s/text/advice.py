"""Sentences about a recommended batch size, its time to target, gradient noise and memory."""

import math
from collections.abc import Sequence

from s2s import formatting as words
from s2s.analysis.advice.advise import Advice, Recommendation
from s2s.analysis.advice.gradient_noise import NoiseScale, RunNoise
from s2s.analysis.advice.leave_one_out import TimeCheck
from s2s.analysis.advice.steps_fit import OpenEnd, StepsFit
from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.advice.time_to_target import Standing
from s2s.analysis.estimate import Estimate
from s2s.analysis.run.timing import median
from s2s.analysis.sweep.memory import MemoryCaveat, MemoryCheck, MemoryFit, cross_validate_memory
from s2s.config import MAX_BATCH_SIZE, LearningRateRule
from s2s.records import RunState
from s2s.text.sweep import (
    describe_throughput_fit,
    format_batch_size,
    format_interval,
    list_batch_sizes,
)

_OUTCOMES = {
    RunState.OUT_OF_MEMORY: "Out of memory",
    RunState.DIVERGED: "Diverged",
    RunState.FAILED: "Failed",
}
_MEMORY_CAVEATS = {
    MemoryCaveat.ONE_SIZE: "A fit of memory needs at least two batch sizes. Measure more.",
    MemoryCaveat.UNCHECKED: "Two batch sizes cannot check the fit of memory. Measure a third.",
    MemoryCaveat.FLAT: (
        "Memory is flat up to batch size {largest:,}: it changes by {rise} of its fixed part, so "
        "no largest size is predicted."
    ),
    MemoryCaveat.UNCERTAIN_SLOPE: (
        "Memory varies too much to tell whether it grows with the batch size. Measure a larger "
        "size or more repeats."
    ),
}


def describe_advice(advice: Advice) -> str:
    """Recommend a batch size in one paragraph, with its reasons and limits."""
    recommendation = advice.recommendation
    sentences = [
        _recommended_range(recommendation),
        _time(recommendation, advice.target_loss),
        _fastest_measured(recommendation),
        _unmeasured_sizes(recommendation),
        _critical_batch_size(recommendation.fit),
        _further_runs(recommendation),
        *_fit_caveats(recommendation.fit),
        _learning_rate(advice.learning_rate_rule),
    ]
    return " ".join(filter(None, sentences))


def list_advice_notes(advice: Advice) -> list[str]:
    """Return further remarks: the origin of the target, the knee, and runs without a result."""
    target = (
        f"The target is a validation loss of {advice.target_loss:.3g} per token, the lowest that "
        "all of these runs reached. With a lower target, runs that miss it only show that they "
        "needed more steps."
        if advice.target_is_suggested
        else ""
    )
    without_result = " ".join(
        f"{_OUTCOMES[state]} at {list_batch_sizes(sizes)}."
        for state, sizes in advice.sizes_without_result.items()
    )
    return list(filter(None, [target, describe_throughput_fit(advice.speed), without_result]))


def describe_confirmation(predicted: Estimate, measured_seconds: float | None) -> str:
    """Compare a confirming run's time to target (None: not reached) with the prediction."""
    start = f"Predicted: {_format_duration(predicted)}."
    if measured_seconds is None:
        return f"{start} The confirming run did not reach the target."
    error = measured_seconds / predicted.value - 1
    return (
        f"{start} Measured: {words.format_duration(measured_seconds)}, "
        f"{words.format_percent(abs(error))} {'more' if error > 0 else 'less'}."
    )


def format_time_checks(checks: Sequence[TimeCheck]) -> str:
    """List the leave-one-out error of the time to target per batch size."""
    lines = ["Time to target, each batch size predicted from the others:"]
    for each in checks:
        predicted, measured = (
            words.UNKNOWN if seconds is None else f"{seconds:.1f} s"
            for seconds in (each.predicted_seconds, each.measured_seconds)
        )
        error = each.relative_error
        lines.append(
            f"{each.batch_size:>8,}  predicted {predicted:>9}  measured {measured:>9}  "
            f"{words.UNKNOWN if error is None else f'{error:+.0%}'}"
        )
    errors = [abs(each.relative_error) for each in checks if each.relative_error is not None]
    if errors:
        middle, worst = words.format_percent(median(errors) or 0.0), max(errors)
        lines.append(
            f"Leave-one-out error: median {middle}, at most {words.format_percent(worst)}."
        )
    return "\n".join(lines)


def format_memory_checks(checks: Sequence[MemoryCheck]) -> str:
    """List the leave-one-out error of the peak memory per batch size; empty without checks."""
    lines = [
        f"{check.batch_size:>8,}  predicted {words.format_bytes(check.predicted_bytes):>9}"
        f"  measured {words.format_bytes(check.measured_bytes):>9}  {check.relative_error:+.0%}"
        for check in checks
    ]
    title = "Peak memory, each batch size predicted from the others:"
    return "\n".join([title, *lines]) if lines else ""


def describe_memory_limit(fit: MemoryFit, available_bytes: int | None) -> str:
    """Name the largest batch size that is predicted to fit, or why there is none.

    Args:
        available_bytes: See `MemoryFit.max_batch_size`; None: unknown.
    """
    if not fit.points:
        return "Memory was not measured in this sweep."
    rise = words.format_percent(abs(fit.relative_rise or 0.0))
    caveats = [
        _MEMORY_CAVEATS[caveat].format(largest=fit.points[-1].batch_size, rise=rise)
        for caveat in fit.caveats
    ]
    if set(fit.caveats) - {MemoryCaveat.UNCHECKED}:
        return " ".join(caveats)
    largest = None if available_bytes is None else fit.max_batch_size(available_bytes)
    memory = f"{words.format_bytes(available_bytes)} of memory"
    if largest is None:
        limit = "Memory grows with the batch size. The available memory is unknown."
    elif largest > MAX_BATCH_SIZE:
        limit = f"Every batch size up to {MAX_BATCH_SIZE:,} is predicted to fit in {memory}."
    elif not largest:
        limit = f"Not even batch size 1 is predicted to fit in {memory}."
    else:
        limit = (
            f"Batch size {largest:,} is the largest predicted to fit in {memory}. Confirm it with "
            "a run."
        )
    checks = [*cross_validate_memory(fit.points), *filter(None, [fit.check])]
    if checks:
        worst = max(abs(check.relative_error) for check in checks)
        limit += f" Leave-one-out error: at most {words.format_percent(worst)}."
    return " ".join([limit, *caveats])


def describe_noise_agreement(noise: RunNoise, critical: Estimate) -> str:
    """Compare a run's gradient noise scale with a measured critical batch size."""
    scale = noise.scale.batch_size
    value = "not identifiable" if scale is None else _rough_estimate(scale)
    subject = (
        f"The gradient noise scale of run {noise.run_id} after {noise.iteration:,} steps is {value}"
    )
    if critical.ends == (-math.inf, math.inf):
        return f"{subject}. There is no critical batch size to compare it with."
    critical_size = f"the critical batch size, {_rough_estimate(critical)}"
    if scale is None:
        return f"{subject}: it neither supports nor contradicts {critical_size}."
    if scale.overlaps(critical):
        return f"{subject}. It agrees with {critical_size}."
    factor = ""
    if critical.has_interval:
        ratio = max(scale.value / critical.value, critical.value / scale.value)
        factor = f", by a factor of {words.format_estimate(ratio)}"
    return f"{subject}. It disagrees with {critical_size}{factor}."


def format_noise_scale(noise: NoiseScale) -> str:
    """Format a gradient noise scale, `310 sentences (250 to 390)`, or why there is none."""
    if noise.batch_size:
        size = words.format_estimate(noise.batch_size.value)
        return f"{size} sentences{format_interval(noise.batch_size, words.format_estimate)}"
    hidden = "gradient" if noise.squared_gradient.ends[0] <= 0 else "noise"
    return f"not identifiable: too few sentences to tell the {hidden} from 0"


def _recommended_range(recommendation: Recommendation) -> str:
    sizes, predictions = recommendation.range, recommendation.times.predictions
    if not sizes:
        slower = [each.batch_size for each in predictions if each.standing is Standing.SLOWER]
        rest = f" Only {list_batch_sizes(slower)} can be ruled out as slower." if slower else ""
        return (
            "These runs do not support a recommendation: no batch size is reliably within 10% of "
            f"the best time to target.{rest}"
        )
    if len(sizes) == 1:
        return (
            f"Use batch size {sizes[0]:,}. No other size is reliably within 10% of its time to "
            "target."
        )
    inside = [each for each in predictions if sizes[0] <= each.batch_size <= sizes[-1]]
    which = f"any batch size from {sizes[0]:,} to {sizes[-1]:,}"
    if len(inside) > len(sizes):
        which = f"one of {list_batch_sizes(sizes)}"
    return f"Use {which}: all are within 10% of the best time to target."


def _time(recommendation: Recommendation, target_loss: float) -> str:
    best = recommendation.prediction
    slowest = max(recommendation.times.predictions, key=lambda each: each.seconds.value)
    faster = ""
    if slowest.standing is Standing.SLOWER:
        factor = slowest.seconds.value / best.seconds.value
        faster = f", {factor:.1f}× faster than {slowest.batch_size:,}"
    return (
        f"{'Batch' if recommendation.range else 'By the fitted curve, batch'} size "
        f"{best.batch_size:,} reaches a validation loss of {target_loss:.3g} per token in about "
        f"{_format_duration(best.seconds)}{faster}."
    )


def _fastest_measured(recommendation: Recommendation) -> str:
    fastest, best = recommendation.times.fastest_measured, recommendation.batch_size
    if fastest is None:
        return (
            "No batch size reached the target in every repeat, so there is no fastest measured "
            "size."
        )
    if fastest == best:
        return "It is also the fastest measured size."
    return f"The fastest measured size is {fastest:,}. Confirm {best:,} with one more run."


def _unmeasured_sizes(recommendation: Recommendation) -> str:
    """Warn if sizes outside the measured range may be better."""
    predictions, faster = recommendation.times.predictions, recommendation.times.faster_unmeasured
    smallest, largest = predictions[0].batch_size, predictions[-1].batch_size
    measured = f"({smallest:,} to {largest:,})"
    if faster:
        side = "larger" if faster > largest else "smaller"
        return f"Sizes {side} than the measured ones {measured} may be faster still."
    if largest in recommendation.range or (smallest in recommendation.range and smallest > 1):
        return f"The recommended range may extend beyond the measured sizes {measured}."
    return ""


def _critical_batch_size(fit: StepsFit) -> str:
    if fit.is_identifiable:
        return (
            f"The critical batch size is about {format_batch_size(fit.b_crit.value)}"
            f"{format_interval(fit.b_crit)}: larger batches save few steps."
        )
    if fit.open_end is OpenEnd.HIGH:
        reason = (
            f"up to {fit.sizes[-1]:,}, doubling the batch size about halves the steps, and larger "
            "sizes were not measured"
        )
    elif fit.open_end is OpenEnd.LOW:
        reason = (
            f"above {fit.sizes[0]:,}, larger batches save hardly any steps, and smaller sizes were "
            "not measured"
        )
    elif fit.curve.variance is None:
        reason = "two runs give no interval"
    elif fit.open_end is OpenEnd.BOTH:
        reason = "it has neither a lower nor an upper bound"
    elif len(fit.sizes) < 3:
        reason = "two batch sizes cannot check the fitted curve"
    else:
        reason = f"its interval{format_interval(fit.b_crit)} is too wide"
    return f"The critical batch size is not identifiable: {reason}."


def _further_runs(recommendation: Recommendation) -> str:
    if recommendation.fit.is_identifiable and recommendation.range:
        return ""
    first, *others = recommendation.further_sizes
    if set(others) == {first}:
        return f"{len(others) + 1} more runs at {first:,} would help most."
    runs = [f"{others.count(size)} at {size:,}" for size in dict.fromkeys(others)]
    return f"1 more run at {first:,} would help most, then {' and '.join(runs)}."


def _fit_caveats(fit: StepsFit) -> list[str]:
    """Name the runs that are excluded from the fit, and what contradicts it."""
    caveats = []
    for event, points in (
        ("did not reach the target", [point for point in fit.points if not point.reached]),
        (
            "had reached the target by the first evaluation",
            [point for point in fit.points if point.early],
        ),
    ):
        if points:
            caveats.append(
                f"{len(points)} of {len(fit.points)} runs ({_list_point_sizes(points)}) {event} "
                f"and {'is' if len(points) == 1 else 'are'} excluded from the fit."
            )
    if fit.contradicting:
        caveats.append(
            "Excluded runs contradict the fitted curve at "
            f"{_list_point_sizes(fit.contradicting)}: do not rely on it there."
        )
    if fit.curve.misfit:
        caveats.append(
            "The curve fits poorly: batch sizes deviate from it by more than the seeds differ. "
            "Predictions follow the measured means, with wider intervals."
        )
    return caveats


def _list_point_sizes(points: Sequence[StepsToTarget]) -> str:
    return list_batch_sizes(sorted({point.batch_size for point in points}))


def _learning_rate(rule: LearningRateRule) -> str:
    if rule is LearningRateRule.CONSTANT:
        return (
            "All sizes used the same learning rate. A size may look slow, or miss the target, "
            "because its rate was not tuned."
        )
    return (
        f"The learning rate followed the {rule} scaling rule. A size may look slow because its "
        "rate was not tuned."
    )


def _format_duration(seconds: Estimate) -> str:
    interval = format_interval(seconds, words.format_duration)
    return f"{words.format_duration(seconds.value)}{interval}"


def _rough_estimate(estimate: Estimate) -> str:
    """Format a value with its interval, or only the known end if the other is open."""
    low, high = map(words.format_estimate, estimate.ends)
    if math.isinf(estimate.ends[1]):
        return f"{low} or more"
    if math.isinf(estimate.ends[0]):
        return f"{high} or less"
    return f"{words.format_estimate(estimate.value)} ({low} to {high})"
