"""Sentences about a recommended batch size, its time to target, gradient noise, and memory."""

import math
from collections.abc import Callable, Sequence
from statistics import median

from s2s import formatting
from s2s.analysis.advice.advise import Advice
from s2s.analysis.advice.gradient_noise import RunNoise
from s2s.analysis.advice.steps_fit import StepsFit
from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.advice.time_to_target import Recommendation, Standing
from s2s.analysis.estimate import Estimate, LeaveOneOutCheck
from s2s.analysis.sweep.memory import MemoryCaveat, MemoryFit, cross_validate_memory
from s2s.config import MAX_BATCH_SIZE, LearningRateRule
from s2s.text.sweep import (
    describe_throughput_fit,
    format_batch_sizes,
    format_interval,
)

_MEMORY_CAVEATS = {
    MemoryCaveat.ONE_SIZE: "A fit of memory needs at least two batch sizes. Measure more.",
    MemoryCaveat.UNCHECKED: "Two batch sizes cannot check the fit of memory. Measure a third.",
    MemoryCaveat.FLAT: (
        "Memory hardly grows up to batch size {largest:,}, so no largest size is predicted."
    ),
    MemoryCaveat.UNCERTAIN_SLOPE: (
        "Memory varies too much to tell whether it grows with the batch size. Measure a larger "
        "size or more repeats."
    ),
}


def describe_advice(advice: Advice) -> str:
    """Recommend batch sizes in one paragraph, with the reasons and the limits of the advice."""
    recommendation = advice.recommendation
    sentences = [
        _describe_range(recommendation),
        _describe_time(recommendation, advice.target_loss),
        _describe_fastest(recommendation),
        _describe_unmeasured_sizes(recommendation),
        _describe_critical_size(recommendation.fit),
        _suggest_runs(recommendation),
        *_list_fit_caveats(recommendation.fit),
        _describe_learning_rates(advice.learning_rate_rule),
    ]
    return " ".join(filter(None, sentences))


def list_advice_notes(advice: Advice) -> list[str]:
    """Return sentences on a suggested target, on throughput, and on runs without a result."""
    notes = []
    if advice.target_is_suggested:
        notes.append(
            f"The target is a validation loss of {advice.target_loss:.3g} per token, the lowest "
            "that all of these runs reached. Runs that miss a lower target are excluded from the "
            "fit."
        )
    notes.append(describe_throughput_fit(advice.speed))
    for state, sizes in advice.sizes_without_result.items():
        notes.append(f"{state.capitalize()} at {format_batch_sizes(sizes)}.")
    return list(filter(None, notes))


def describe_confirmation(predicted: Estimate, measured_seconds: float | None) -> str:
    """Compare the predicted time to target with the time that a confirming run took.

    Args:
        measured_seconds: Time to target of that run; `None` if it did not reach the target.
    """
    start = f"Predicted: {_format_duration(predicted)}."
    if measured_seconds is None:
        return f"{start} The confirming run did not reach the target."
    error = measured_seconds / predicted.value - 1
    return (
        f"{start} Measured: {formatting.format_duration(measured_seconds)}, "
        f"{formatting.format_percent(abs(error))} {'more' if error > 0 else 'less'}."
    )


def format_checks(
    checks: Sequence[LeaveOneOutCheck],
    quantity: str,
    format_value: Callable[[float | None], str],
) -> str:
    """Return a table of a quantity's leave-one-out errors; empty if no error is known."""
    table = [["batch", "predicted", "measured", "error"]]
    known_errors = []
    for check in checks:
        values = [format_value(value) for value in (check.predicted, check.measured)]
        error = formatting.UNKNOWN
        if check.relative_error is not None:
            error = f"{check.relative_error:+.0%}"
            known_errors.append(abs(check.relative_error))
        table.append([f"{check.batch_size:,}", *values, error])
    if not known_errors:
        return ""
    title = f"{quantity}, each batch size predicted from the others:"
    median_error = formatting.format_percent(median(known_errors))
    largest_error = formatting.format_percent(max(known_errors))
    errors = f"Leave-one-out error: median {median_error}, at most {largest_error}."
    return "\n".join([title, *formatting.align_columns(table), errors])


def describe_memory_limit(fit: MemoryFit, available_bytes: int | None) -> str:
    """Name the largest batch size that is predicted to fit, or say why none can be named.

    Args:
        available_bytes: Memory that this process can use; `None` if unknown.
    """
    if not fit.points:
        return "Memory was not measured in this sweep."
    largest_measured = fit.points[-1].batch_size
    caveats = [_MEMORY_CAVEATS[each].format(largest=largest_measured) for each in fit.caveats]
    if set(fit.caveats) - {MemoryCaveat.UNCHECKED}:
        return " ".join(caveats)
    largest = None if available_bytes is None else fit.max_batch_size(available_bytes)
    memory = f"{formatting.format_bytes(available_bytes)} of memory"
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
        largest_error = max(abs(check.relative_error or 0.0) for check in checks)
        limit += f" Leave-one-out error: at most {formatting.format_percent(largest_error)}."
    return " ".join([limit, *caveats])


def describe_gradient_noise(noise: RunNoise) -> str:
    """Describe a measured gradient noise scale, and say how far to trust it."""
    subject, sentences = _name_noise_scale(noise), f"{noise.sentences:,} sentences"
    if noise.scale.batch_size is None:
        return f"{subject} is not identifiable. Measure it with more than {sentences}."
    return (
        f"{subject} is a batch size of {_format_rough(noise.scale.batch_size)}, measured on "
        f"{sentences}. Much larger batches save few steps. The scale can be far off: use it only "
        "to cross-check a measured critical batch size."
    )


def describe_noise_agreement(noise: RunNoise, critical: Estimate) -> str:
    """Compare a run's gradient noise scale with a measured critical batch size."""
    scale = noise.scale.batch_size
    if scale is None:
        return f"{_name_noise_scale(noise)} is not identifiable."
    sentence = f"{_name_noise_scale(noise)} is {_format_rough(scale)}."
    if critical.ends == (-math.inf, math.inf):
        return sentence
    verb = "agrees" if scale.overlaps(critical) else "disagrees"
    return f"{sentence} It {verb} with the critical batch size, {_format_rough(critical)}."


def _name_noise_scale(noise: RunNoise) -> str:
    iterations = formatting.format_iterations(noise.iteration)
    return f"The gradient noise scale of run {noise.run_id} after {iterations}"


def _describe_range(recommendation: Recommendation) -> str:
    sizes, predictions = recommendation.range, recommendation.predictions
    if not sizes:
        slower = [each.batch_size for each in predictions if each.standing is Standing.SLOWER]
        ruled_out = (
            f" Only {format_batch_sizes(slower)} can be ruled out as slower." if slower else ""
        )
        return (
            "These runs do not support a recommendation: no batch size is reliably within 10% of "
            f"the best time to target.{ruled_out}"
        )
    if len(sizes) == 1:
        return (
            f"Use batch size {sizes[0]:,}. No other size is reliably within 10% of its time to "
            "target."
        )
    inside = [each for each in predictions if sizes[0] <= each.batch_size <= sizes[-1]]
    choice = f"any batch size from {sizes[0]:,} to {sizes[-1]:,}"
    if len(inside) > len(sizes):
        choice = f"one of {format_batch_sizes(sizes)}"
    return f"Use {choice}: all are within 10% of the best time to target."


def _describe_time(recommendation: Recommendation, target_loss: float) -> str:
    best = recommendation.best
    slowest = max(recommendation.predictions, key=lambda each: each.seconds.value)
    faster = ""
    if slowest.standing is Standing.SLOWER:
        factor = slowest.seconds.value / best.seconds.value
        faster = f", {factor:.1f}× faster than {slowest.batch_size:,}"
    return (
        f"{'Batch' if recommendation.range else 'By the fitted curve, batch'} size "
        f"{best.batch_size:,} reaches a validation loss of {target_loss:.3g} per token in about "
        f"{_format_duration(best.seconds)}{faster}."
    )


def _describe_fastest(recommendation: Recommendation) -> str:
    fastest, best = recommendation.fastest_measured, recommendation.best.batch_size
    if fastest is None:
        return (
            "No batch size reached the target in every repeat, so there is no fastest measured "
            "size."
        )
    if fastest == best:
        return "It is also the fastest measured size."
    return f"The fastest measured size is {fastest:,}. Confirm {best:,} with one more run."


def _describe_unmeasured_sizes(recommendation: Recommendation) -> str:
    """Warn if sizes outside the measured range may be faster or as fast; empty if not."""
    predictions, faster = recommendation.predictions, recommendation.faster_unmeasured
    smallest, largest = predictions[0].batch_size, predictions[-1].batch_size
    measured = f"({smallest:,} to {largest:,})"
    if faster:
        side = "larger" if faster > largest else "smaller"
        return f"Sizes {side} than the measured ones {measured} may be faster still."
    if largest in recommendation.range or (smallest in recommendation.range and smallest > 1):
        return f"The recommended range may extend beyond the measured sizes {measured}."
    return ""


def _describe_critical_size(fit: StepsFit) -> str:
    if fit.is_identifiable:
        return (
            f"The critical batch size is about {formatting.format_count(fit.b_crit.value)}"
            f"{format_interval(fit.b_crit)}: larger batches save few steps."
        )
    has_low, has_high = fit.b_crit.low is not None, fit.b_crit.high is not None
    if has_low and not has_high:
        reason = (
            f"up to {fit.sizes[-1]:,}, the largest measured size, doubling the batch size about "
            "halves the steps"
        )
    elif has_high and not has_low:
        reason = (
            f"above {fit.sizes[0]:,}, the smallest measured size, larger batches save hardly any "
            "steps"
        )
    elif len(fit.sizes) < 3:
        reason = "at least three batch sizes are needed"
    else:
        reason = f"its interval{format_interval(fit.b_crit)} is too wide"
    return f"The critical batch size is not identifiable: {reason}."


def _suggest_runs(recommendation: Recommendation) -> str:
    if recommendation.fit.is_identifiable and recommendation.range:
        return ""
    return f"Most helpful next runs: {format_batch_sizes(recommendation.further_sizes)}."


def _list_fit_caveats(fit: StepsFit) -> list[str]:
    """Say which runs are excluded from the fit, which contradict it, and if it fits poorly."""
    excluded = {
        "did not reach the target": [each for each in fit.points if not each.reached],
        "had reached the target by the first evaluation": [e for e in fit.points if e.is_early],
    }
    caveats = [
        f"Excluded from the fit: {len(points)} of {len(fit.points)} runs, which {event} "
        f"({_format_point_sizes(points)})."
        for event, points in excluded.items()
        if points
    ]
    if fit.contradicting_points:
        caveats.append(
            "Excluded runs contradict the fitted curve at "
            f"{_format_point_sizes(fit.contradicting_points)}: do not rely on it there."
        )
    if fit.curve.has_misfit:
        caveats.append(
            "The curve fits poorly: batch sizes deviate from it by more than the seeds differ. "
            "Predictions follow the measured means, with wider intervals."
        )
    return caveats


def _format_point_sizes(points: Sequence[StepsToTarget]) -> str:
    return format_batch_sizes(sorted({point.batch_size for point in points}))


def _describe_learning_rates(rule: LearningRateRule) -> str:
    rates = f"The learning rate followed the {rule} scaling rule."
    if rule is LearningRateRule.CONSTANT:
        rates = "All sizes used the same learning rate."
    return f"{rates} A size may look slow because its learning rate was not tuned."


def _format_duration(seconds: Estimate) -> str:
    interval = format_interval(seconds, formatting.format_duration)
    return f"{formatting.format_duration(seconds.value)}{interval}"


def _format_rough(estimate: Estimate) -> str:
    """Format a value with its interval; if one end is infinite, format only the other end."""
    low, high = map(formatting.format_estimate, estimate.ends)
    if math.isinf(estimate.ends[1]):
        return f"{low} or more"
    if math.isinf(estimate.ends[0]):
        return f"{high} or less"
    return f"{formatting.format_estimate(estimate.value)} ({low} to {high})"
