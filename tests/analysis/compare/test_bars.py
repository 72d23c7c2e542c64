"""Bars of runs and of repeats, and what is said of them."""

import dataclasses

from s2s import formatting as words
from s2s.analysis.compare.bars import Bar, bars, bars_text
from s2s.analysis.compare.groups import Group, Repeats, Spread
from s2s.analysis.run.summarize import row
from tests.plausible import RUN, some_steps, steps

GROUP = Group(tuple(dataclasses.replace(RUN, id=each) for each in (4, 6)))


def test_bars_by_hand() -> None:
    slow, fast = row(RUN, some_steps(20, 30), [], []), row(RUN, some_steps(20, 34), [], [])
    noisy = dataclasses.replace(fast, timing_variation="noisy")
    unknown = row(RUN, steps(), [], [])
    compared = [(GROUP, [slow, noisy]), (Group((RUN,)), [unknown])]
    drawn = bars(
        compared,
        Repeats.RANGE,
        lambda each: each.samples_per_second,
        words.format_rate,
        doubted=True,
    )
    group, single = drawn
    assert group.value is not None
    assert (group.text, group.ends, group.against) == ("320", "300 to 340", "noisy")
    assert single == Bar(7, 32, "7 · starter · batch 32", None, "–")
    assert bars_text(drawn, "Throughput in samples/s") == (
        "Throughput in samples/s. run 4, 6 · starter · batch 32: 320 (300 to 340, noisy); "
        "run 7 · starter · batch 32: –."
    )
    quiet = bars(compared, Repeats.RANGE, lambda each: each.samples, words.format_rate)
    assert [bar.against for bar in quiet] == ["", ""]
    assert quiet[1].value == Spread(0.0)
    assert bars_text([], "Throughput").endswith("No runs.")
