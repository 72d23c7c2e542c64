"""What a comparison of runs on an axis says, and what speaks against its figures."""

from collections.abc import Sequence

from s2s.analysis.run.steps import Axis
from s2s.analysis.run.summarize import Row
from s2s.formatting import format_timing_warnings


def fairness(rows: Sequence[Row], axis: Axis) -> str:
    """What stands at the same place on `axis`, said honestly, in one or two sentences."""
    sizes = sorted({each.batch_size for each in rows})
    if len(sizes) < 2:
        return {
            Axis.ITERATIONS: "At one place on this axis all runs have made equally many updates.",
            Axis.SAMPLES: "At one place on this axis all runs have seen equally many sentences.",
            Axis.TOKENS: "At one place on this axis all runs have seen equally many target words.",
            Axis.SECONDS: "At one place on this axis all runs have trained equally long.",
        }[axis]
    small, large = sizes[0], sizes[-1]
    times = f"{large / small:.3g}"
    return {
        Axis.ITERATIONS: (
            f"Equal iterations are equal numbers of updates, not equal data: at one place on this "
            f"axis batch {large:,} has seen {times} times the sentences of batch {small:,}. The "
            f"article compared its runs so (batch 32 saw 16 times the samples of batch 2)."
        ),
        Axis.SAMPLES: (
            f"Equal samples are equal data, not equal updates: at one place on this axis batch "
            f"{small:,} has made {times} times the updates of batch {large:,}. The article "
            f"compared equal iterations instead."
        ),
        Axis.TOKENS: (
            f"Equal target tokens are equal data by words: at one place on this axis batch "
            f"{small:,} has made about {times} times the updates of batch {large:,}."
        ),
        Axis.SECONDS: (
            "Equal seconds are what a user waits on this machine (training only, evaluation left "
            "out): both speed and learning per sentence count."
        ),
    }[axis]


def marks(row: Row) -> str:
    """Why the run's speed is in doubt, in a few words; empty where nothing speaks against it."""
    return format_timing_warnings(row.timing_variation, row.interference)


def doubts_text(rows: Sequence[Row]) -> str:
    """A sentence for each run whose machine was busy, and one on steps left out."""
    told = [f"Run {row.label}: {row.interference}" for row in rows if row.interference]
    left_out = [
        f"{row.interfered_steps:,} of run {row.run_id}" for row in rows if row.interfered_steps
    ]
    if left_out:
        told.append(f"Steps left out because of translations: {', '.join(left_out)}.")
    return " ".join(told)
