"""The parts of a step against the batch size, of the whole step or of each of its sentences."""

from s2s.analysis.sweep.step_parts import StepParts
from s2s.charts.frame import Figure, axis, layout
from s2s.charts.scale import BATCH_SIZE
from s2s.charts.stacked_parts import stacked_parts


def step_parts_figure(found: StepParts, *, a_sentence: bool = False, revision: str = "") -> Figure:
    """In milliseconds; `a_sentence`: each step's time over its batch size."""
    over = [each.batch_size if a_sentence else 1 for each in found.sizes]
    parts = [
        [part / share for part in each.seconds]
        for each, share in zip(found.sizes, over, strict=True)
    ]
    line = found.split
    fixed = (
        None
        if line is None
        else [
            [part / share for part in line.fixed_within(each.seconds)]
            for each, share in zip(found.sizes, over, strict=True)
        ]
    )
    names = [f"{each.batch_size:,}" for each in found.sizes]
    top = 1100 * max((sum(each) for each in parts), default=1.0)  # room for the whole's label
    what = "a sentence" if a_sentence else "a step"
    return {
        "data": stacked_parts(names, parts, fixed, [1000.0] * len(names), upright=True),
        "layout": layout(
            "Step anatomy",
            height=400,
            revision=f"{revision} {a_sentence}",
            barmode="stack",
            bargap=0.35,
            xaxis=axis(BATCH_SIZE, type="category", showgrid=False),
            yaxis=axis(f"Medians of {what}'s parts (ms)", range=[0, top]),
        ),
    }
