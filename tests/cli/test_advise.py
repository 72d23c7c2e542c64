"""`python -m s2s advise` on a real small sweep."""

import re
from pathlib import Path

import pytest

from s2s.cli import main
from tests.cli.commands import objects, refused
from tests.tiny import tiny_corpus

SWEEP = ["sweep", "--corpus=tiny", "--hidden-size=8", "--threads=1", "--device=cpu"]
SWEEP += ["--batch-sizes=8,16,32", "--repeats=1", "--samples=3072", "--optimizer=adam"]
SWEEP += ["--learning-rate=0.01"]
Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("signals_as_before")


@pytest.fixture
def swept(tmp_path: Path, capsys: Capture) -> None:
    tiny_corpus(tmp_path)
    assert main(SWEEP) == 0
    capsys.readouterr()


@pytest.mark.usefixtures("swept")
def test_memory_and_gradient_noise_beside_the_advice(capsys: Capture) -> None:
    assert main(["advise"]) == 0
    paragraph, *_, memory = capsys.readouterr().out.splitlines()
    assert paragraph.startswith("fused: ")
    # 50 MB and 1 kB a cell, by tests/conftest.py: from 160 cells to 640 it is flat.
    assert memory == (
        "Memory is flat up to batch size 32: it changes by 1 % of its fixed part, so that no limit "
        "is in sight."
    )
    assert main(["advise", "--json"]) == 0
    [found] = objects(capsys.readouterr().out)
    assert found["gradient_noise"] == []
    assert len(found["further_sizes"]) == 3
    assert found["memory"]["text"] == memory
    assert [point["peak_bytes"] for point in found["memory"]["points"]] == [
        50_160_000, 50_320_000, 50_640_000
    ]  # fmt: skip
    [left_out] = found["memory"]["left_out"]
    assert left_out["batch_size"] == 16
    assert left_out["predicted_bytes"] == pytest.approx(50_320_000)

    assert main(["advise", "--noise"]) == 0
    *_, sentence = capsys.readouterr().out.splitlines()
    assert re.match(r"The gradient noise scale after [\d,]+ steps of run \d+(,| is) ", sentence)
    assert main(["advise", "--json"]) == 0
    [again] = objects(capsys.readouterr().out)
    [noise] = again["gradient_noise"]
    assert noise["text"] == sentence
    assert noise["scale"]["squared_gradient"]["value"] > 0


@pytest.mark.usefixtures("swept")
def test_every_inner_size_is_checked(capsys: Capture) -> None:
    assert main(["advise", "--check"]) == 0
    *_, size, heading, memory = capsys.readouterr().out.splitlines()
    # Two sizes are left, one of whose runs had the target too early to give a law.
    assert re.match(r" +16  predicted +\?  measured +(\?|\d+\.\d s)  \?$", size)
    assert heading.startswith("And its memory")
    assert re.match(r" +16  predicted +48 MiB  measured +48 MiB  [+-]0%$", memory)
    assert main(["advise", "--check", "--json"]) == 0
    [found] = objects(capsys.readouterr().out)
    [left_out] = found["left_out"]
    assert left_out["batch_size"] == 16
    assert left_out["predicted_seconds"] is None
    assert [run["batch_size"] for run in found["runs"]] == [8, 16, 32]
    for run in found["runs"]:
        assert run["samples_per_second"] > 0
        assert run["evaluations"][0][:2] == [0, 0.0]


def test_before_the_first_sweep(capsys: Capture) -> None:
    assert "No sweep yet" in refused(["advise"], capsys)
