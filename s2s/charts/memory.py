"""Peak memory against the batch size: measurements, fit, and the check of its prediction."""

from statistics import median

from s2s.analysis.sweep.memory import MemoryFit
from s2s.charts import frame

_MIB = 2**20
_COLOUR, _CHECK_COLOUR = frame.PALETTE[2], frame.PALETTE[4]


def plot_memory(fit: MemoryFit, *, revision: str = "") -> frame.Figure:
    """Plot the measured peaks and, if there is a fit, its prediction at their padded tokens."""
    sizes = [point.batch_size for point in fit.points]
    measured = [point.peak_bytes / _MIB for point in fit.points]
    hover = "batch size %{x:,}: %{y:,.0f} MiB<extra></extra>"
    traces = [frame.build_markers(sizes, measured, _COLOUR, name="measured", hovertemplate=hover)]
    predicted: dict[int, list[float]] = {}
    for point in fit.points:
        peak_bytes = fit.peak_bytes(point.padded_tokens)
        if peak_bytes is not None:
            predicted.setdefault(point.batch_size, []).append(peak_bytes / _MIB)
    if predicted:
        medians = map(median, predicted.values())
        traces.append(
            frame.build_line(list(predicted), medians, _COLOUR, name="fit", hoverinfo="skip")
        )
    if fit.check:
        check = frame.build_markers(
            [fit.check.batch_size],
            [fit.check.predicted_bytes / _MIB],
            _CHECK_COLOUR,
            size=12,
            name="predicted from the smaller sizes",
            hovertemplate="batch size %{x:,}: predicted %{y:,.0f} MiB<extra></extra>",
        )
        check["marker"] |= {"symbol": "x-thin", "line": {"width": 3, "color": _CHECK_COLOUR}}
        traces.append(check)
    return frame.build_figure(
        "Peak memory",
        traces,
        frame.build_batch_size_axis(sizes),
        frame.build_axis("Peak memory (MiB)", rangemode="tozero"),
        height=320,
        revision=revision,
    )
