"""The documented sweep: its figures follow from the records beside it."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from s2s.analysis.batch_law import BatchLaw
from s2s.analysis.left_out import LeftOut, check_text, leave_each_out
from s2s.analysis.memory_law import MemoryPoint, left_out_checks, memory_law
from s2s.analysis.target import seconds_to_target, steps_to_target
from s2s.records import Evaluation

DOCS = Path(__file__).parents[1] / "docs"
RECORDS = json.loads((DOCS / "sweep-fra-eng.json").read_text("utf-8"))
PAGE = (DOCS / "sweep.md").read_text("utf-8")


def left_out() -> list[LeftOut]:
    points, speeds, seconds = [], defaultdict(list), defaultdict(list)
    for run in RECORDS["runs"]:
        size = run["batch_size"]
        evaluations = [Evaluation(*each, ()) for each in run["evaluations"]]
        target = RECORDS["target_loss"]
        points.append(steps_to_target(evaluations, target, size, run["seed"]))
        speeds[size].append(run["samples_per_second"])
        seconds[size].append(seconds_to_target(evaluations, target))
    return leave_each_out(points, speeds, seconds)


def test_the_times_foretold_are_those_of_the_page() -> None:
    found = left_out()
    assert [each.batch_size for each in found] == [4, 8, 16, 32, 64, 128]
    for each, kept in zip(found, RECORDS["left_out"], strict=True):
        assert each.predicted_seconds == pytest.approx(kept["predicted_seconds"])
        assert each.measured_seconds == pytest.approx(kept["measured_seconds"])
    for line in check_text(found).splitlines()[1:]:
        assert line in PAGE


def test_what_the_law_alone_foretells_is_that_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchLaw, "expected_steps", BatchLaw.steps)
    last = check_text(left_out()).splitlines()[-1]
    assert last == "Off by 22% at the median, 33% at worst."
    assert "within 22 % at the median and 33 % at worst" in PAGE


def test_memory_is_that_of_the_page() -> None:
    memory = RECORDS["memory"]
    law = memory_law([MemoryPoint(**point) for point in memory["points"]])
    assert law.flat is memory["flat"]
    for check in left_out_checks(law.points):
        assert f"{check.relative_error:+.0%}" in PAGE
    assert memory["text"] in PAGE.replace("\n> ", " ")
