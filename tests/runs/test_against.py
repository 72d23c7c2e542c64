"""Another program in turn with ours."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny import tiny_config

from s2s.config import TrainConfig, UserError
from s2s.runs import against
from s2s.runs.against import Comparison, Other
from s2s.threads import Waiting

Write = Callable[[str], str]


@pytest.fixture
def script(tmp_path: Path) -> Write:
    """`script("print(1)")`: the path of a Python file that does this."""

    def write(code: str) -> str:
        path = tmp_path / "other.py"
        path.write_text(code)
        return str(path)

    return write


def speed(path: str, arguments: str = "") -> tuple[str, float]:
    return Other(path, arguments).speed(32, 2, dict(os.environ))


def told(path: str, arguments: str = "") -> list[str]:
    """What the program is given at batch size 32 with 2 threads."""
    return Other(path, arguments).command(32, 2)


def test_what_it_is_given(script: Write) -> None:
    path = script("")
    start = [sys.executable, path]
    default = ["--batch-sizes", "32", "--threads", "2"]
    assert told(path) == [*start, *default]
    assert told(path, "--data 'a b.zip' -n 3") == [*start, *default, "--data", "a b.zip", "-n", "3"]
    assert told(path, "-b {batch_size} --out=x{threads}") == [*start, "-b", "32", "--out=x2"]


def test_an_executable_is_executed(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_text('#!/bin/sh\necho "{\\"batch_size\\": $2, \\"samples_per_second\\": $4}"\n')
    with pytest.raises(UserError, match=r"neither a \.py file nor executable"):
        Other(str(path))
    path.chmod(0o755)
    assert speed(str(path)) == ("samples_per_second", 2.0)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (['{"batch_size": 32, "samples_per_second": 7}'], ("samples_per_second", 7.0)),
        (
            ['{"prepare_seconds": 5}', "words", '{"batch_size": 32, "samples_per_second": 7.5}'],
            ("samples_per_second", 7.5),
        ),
        (
            ['{"batch_size": 32, "target_tokens_per_second": 9}', "[1]", '"done"'],
            ("target_tokens_per_second", 9.0),
        ),
        (
            ['{"batch_size": 32, "samples_per_second": 1, "target_tokens_per_second": 9}'],
            ("target_tokens_per_second", 9.0),
        ),
        (
            [
                '{"batch_size": 32, "samples_per_second": 1}',
                '{"batch_size": 32, "samples_per_second": 2}',
                '{"batch_size": 64, "samples_per_second": 3}',
            ],
            ("samples_per_second", 2.0),
        ),
    ],
)
def test_what_it_prints(script: Write, lines: list[str], found: tuple[str, float]) -> None:
    assert speed(script(f"for line in {lines!r}: print(line)")) == found


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("", 'printed no line such as {"batch_size": 32'),
        ('print(\'{"batch_size": 2, "samples_per_second": 7}\')', "printed no line"),
        ('print(\'{"batch_size": 32, "samples_per_second": 0}\')', "printed no line"),
        ('print(\'{"batch_size": 32, "samples_per_second": NaN}\')', "printed no line"),
        ('print(\'{"batch_size": 32, "samples_per_second": true}\')', "printed no line"),
        ("import sys; sys.exit(3)", "ended with exit code 3: it says nothing more"),
        ("raise ValueError('no data')", "exit code 1: ValueError: no data"),
        ("import os; os.write(2, b'\\xff'); raise SystemExit(1)", r"exit code 1: \xff"),
    ],
)
def test_programs_that_fail(script: Write, code: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        speed(script(code))
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_programs_that_are_none(tmp_path: Path, script: Write) -> None:
    with pytest.raises(UserError, match="There is no program"):
        Other(str(tmp_path / "nowhere.py"))
    with pytest.raises(UserError, match="There is no program"):
        Other(str(tmp_path))
    with pytest.raises(UserError, match="cannot be split"):
        Other(script(""), "'")
    strange = tmp_path / "strange"
    strange.write_bytes(b"\x00\x01")
    strange.chmod(0o755)
    with pytest.raises(UserError, match="cannot be started"):
        speed(str(strange))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """What ran, in order, with its environment; ours is 3 and 4 times as fast in turn."""
    calls: list[tuple[str, dict[str, str]]] = []

    def output(name: str, command: list[str], environment: dict[str, str]) -> str:
        if name == "The other program":
            calls.append(("theirs", environment))
            return json.dumps({"batch_size": int(command[-3]), "samples_per_second": 10})
        config = json.loads(command[-1])["config"]
        calls.append((config["engine"], environment))
        number = sum(name == config["engine"] for name, _ in calls)
        return json.dumps({"samples_per_second": 30 if number % 2 else 40})

    monkeypatch.setattr(against, "_output", output)
    return calls


def comparison(path: str, configs: list[TrainConfig], **choices: Any) -> Comparison:
    return Comparison(configs, Other(path), **{"pairs": 2, "seconds": 1.0} | choices)


def test_turns_and_ratios(script: Write, started: list[tuple[str, dict[str, str]]]) -> None:
    configs = [tiny_config(threads=2), tiny_config(threads=2, engine="article")]
    compared = comparison(script(""), configs, pairs=3)
    pairs = list(compared.run())
    names = [name for name, _ in started]
    assert names == [
        *("theirs", "fused", "article"),
        *("fused", "article", "theirs"),
        *("theirs", "fused", "article"),
    ]
    assert [pair.number for pair in pairs] == [1, 1, 2, 2, 3, 3]
    fused, article = compared.rows()
    assert (fused.engine, article.engine) == ("fused", "article")
    assert (fused.ratio_low, fused.ratio, fused.ratio_high) == (3.0, 3.0, 4.0)
    assert (fused.ours, fused.theirs, fused.measure) == (30.0, 10.0, "samples_per_second")
    assert fused.pairs == ((30.0, 10.0), (40.0, 10.0), (30.0, 10.0))


def test_each_batch_size_has_turns_of_its_own(
    script: Write, started: list[tuple[str, dict[str, str]]]
) -> None:
    configs = [tiny_config(threads=2, batch_size=size) for size in (2, 32)]
    compared = comparison(script(""), configs)
    assert [pair.config.batch_size for pair in compared.run()] == [2, 32, 2, 32]
    assert len(started) == 8
    assert [row.batch_size for row in compared.rows()] == [2, 32]


@pytest.mark.parametrize(
    ("waiting", "spins", "policy"),
    [
        (Waiting.BRIEFLY, "30000", None),
        (Waiting.DEFAULT, None, None),
        (None, "7", "PASSIVE"),
    ],
)
def test_both_sides_have_the_same_environment(
    script: Write,
    started: list[tuple[str, dict[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
    waiting: Waiting | None,
    spins: str | None,
    policy: str | None,
) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    list(comparison(script(""), [tiny_config(threads=2)], waiting=waiting, pairs=1).run())
    (_, theirs), (_, ours) = started
    ours.pop("PYTHONPATH")  # so that it is found from anywhere
    theirs.pop("PYTHONPATH", None)
    assert theirs == ours
    assert (theirs.get("GOMP_SPINCOUNT"), theirs.get("OMP_WAIT_POLICY")) == (spins, policy)
    assert (theirs["OMP_NUM_THREADS"], theirs["MKL_NUM_THREADS"]) == ("2", "2")


@pytest.mark.usefixtures("tiny")
def test_a_real_pair(script: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # ours is found from anywhere
    path = script(
        "import json, sys; size = int(sys.argv[2]);"
        "print(json.dumps({'batch_size': size, 'target_tokens_per_second': 2.0}))"
    )
    compared = comparison(path, [tiny_config(batch_size=2)], pairs=1, seconds=0.001)
    [pair] = compared.run()
    assert (pair.measure, pair.theirs) == ("target_tokens_per_second", 2.0)
    assert pair.ours > 2


def test_ours_that_fails_is_told_in_a_sentence(script: Write) -> None:
    path = script('print(\'{"batch_size": 4, "samples_per_second": 1}\')')
    compared = comparison(path, [tiny_config(corpus="nowhere")], pairs=1)
    with pytest.raises(UserError, match=r"A process of s2s ended .* no corpus 'nowhere'"):
        list(compared.run())
    assert compared.rows() == []
