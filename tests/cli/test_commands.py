import csv
import dataclasses
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

from s2s import cli
from s2s.cli import main
from s2s.cli.arguments import parser
from s2s.data import catalog
from s2s.data.corpus import Corpus
from s2s.machine.interference import OthersMeter
from s2s.paths import corpora_folder, home, run_folder
from s2s.records import PHASES, RunState
from s2s.runs.files import delete_checkpoint
from s2s.runs.resume import resumable
from s2s.store import Store
from s2s.training.checkpoint import load_checkpoint
from s2s.translation.engines import Forward, FusedEngine
from s2s.translation.translator import Translator
from tests.tiny import write_tiny

TRAIN = ["train", "--corpus=tiny", "--batch-size=4", "--hidden-size=8", "--threads=1"]
TRAIN += ["--device=cpu"]
SHUTDOWN_SECONDS = 3.0
"""Promised to the user."""
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """Training in the main thread takes them over."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def trained(tiny: Corpus, capsys: Capture) -> None:
    """Run 1, of two steps."""
    del tiny
    assert main([*TRAIN, "--iterations=2"]) == 0
    capsys.readouterr()


def objects(text: str) -> list[dict[str, Any]]:
    """Each line of what was printed, as strict JSON."""

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def refused(arguments: Sequence[str], capsys: Capture) -> str:
    """The sentence on standard error; nothing on standard output, exit code 1."""
    assert main(arguments) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("s2s: ")
    assert errors.endswith(".\n")
    assert errors.count("\n") == 1
    return errors


def misused(arguments: Sequence[str], capsys: Capture) -> str:
    """argparse's words about it; exit code 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    output, errors = capsys.readouterr()
    assert output == ""
    return errors


# Usage


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["train", "--nonsense"], ["train", "--batch-size=many"]]
)
def test_usage_errors(arguments: list[str], capsys: Capture) -> None:
    assert misused(arguments, capsys).startswith("usage: python -m s2s")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--engine=x"], "argument --engine: invalid choice: 'x'"),
        (["train", "--optimizer=x"], "rmsprop"),
        (["train", "--precision=x"], "bf16"),
        (["corpora", "add", "x", "--normalizer=x"], "unicode"),
        (["corpora", "add", "x", "--direction=x"], "second-to-first"),
    ],
)
def test_choices_are_shown_as_they_are_typed(
    arguments: list[str], words: str, capsys: Capture
) -> None:
    errors = misused(arguments, capsys)
    assert words in errors
    assert "<" not in errors.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["corpora"],
        ["corpora", "add"],
        ["corpora", "remove"],
        ["train"],
        ["bench"],
        ["translate"],
        ["evaluate"],
        ["noise"],
        ["runs"],
        ["export"],
        ["system"],
    ],
)
def test_every_command_has_help(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--help"])
    assert caught.value.code == 0
    output = capsys.readouterr().out
    assert output.startswith(" ".join(["usage: python -m s2s", *arguments]))
    assert "Engine." not in output
    if arguments == ["train"]:
        assert "{article,fused,graphed}" in output


# Corpora


def test_corpora(tmp_path: Path, capsys: Capture) -> None:
    assert main(["corpora"]) == 0
    assert capsys.readouterr().out.startswith("No corpus is prepared yet")
    path = str(write_tiny(tmp_path / "a.txt"))
    assert main(["corpora", "add", path]) == 0
    assert capsys.readouterr().out.startswith("a: column 2 to column 1, 60 pairs, 60 kept, ")
    options = ["--name=b", "--normalizer=article", "--direction=first-to-second"]
    options += ["--max-length=4", "--min-count=2", "--max-vocabulary=7"]
    assert main(["corpora", "add", path, *options]) == 0
    choices = catalog.open_corpus(corpora_folder(), "b").info.choices.to_json()
    assert list(choices.values()) == ["article", "first-to-second", 4, 2, 7]
    capsys.readouterr()
    assert main(["corpora"]) == 0
    assert [line[:2] for line in capsys.readouterr().out.splitlines()] == ["a:", "b:"]
    assert main(["corpora", "remove", "a"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["corpora", "--json"]) == 0
    assert [each["name"] for each in objects(capsys.readouterr().out)] == ["b"]


def test_corpora_of_which_the_only_one_is_damaged(tmp_path: Path, capsys: Capture) -> None:
    assert main(["corpora", "add", str(write_tiny(tmp_path / "a.txt"))]) == 0
    (corpora_folder() / "a" / "corpus.json").write_text("{")
    capsys.readouterr()
    assert main(["corpora"]) == 0
    output, errors = capsys.readouterr()
    assert (output, errors.split(" (")[0]) == ("", "s2s: The prepared corpus 'a' is damaged")


@pytest.mark.parametrize("place", ["before", "after"])
def test_corpora_add_as_json(tmp_path: Path, capsys: Capture, place: str) -> None:
    path = str(write_tiny(tmp_path / "a.txt"))
    with Path(path).open("a") as file:
        file.write("no second column\n")
    arguments = {
        "before": ["corpora", "--json", "add", path],
        "after": ["corpora", "add", path, "--json"],
    }
    assert main(arguments[place]) == 0
    output, errors = capsys.readouterr()
    [added] = objects(output)
    assert (added["name"], added["pairs_kept"], added["bad_lines"]) == ("a", 60, 1)
    assert errors == "1 lines were left out: 61\n"


def test_what_cannot_be_added_or_removed(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "empty.txt").write_text("")
    assert "is empty" in refused(["corpora", "add", str(tmp_path / "empty.txt")], capsys)
    assert "neither a file nor" in refused(["corpora", "add", "nowhere.txt"], capsys)
    assert "maximum length" in refused(["corpora", "add", "x", "--max-length=0"], capsys)
    assert "no corpus 'x'" in refused(["corpora", "remove", "x"], capsys)
    assert "corpus name" in refused(["corpora", "remove", "../x"], capsys)


# Training


@pytest.mark.usefixtures("tiny")
def test_train(capsys: Capture) -> None:
    assert main([*TRAIN, "--iterations=10"]) == 0
    output, errors = capsys.readouterr()
    assert output.startswith("Run 1 finished after 10 iterations in ")
    assert output.endswith("Translate with: python -m s2s translate --run 1\n")
    assert re.search(r"  step time             [\d.]+ (µs|ms)\n", output)  # too few for a spread
    assert re.search(r"  its phases            data [\d.]+ \S+, forward .*, between ", output)
    assert "Left out of the timing: 3 steps of warm-up (" in output
    assert errors == ""
    assert load_checkpoint(run_folder(1)).iteration == 10


@pytest.mark.usefixtures("tiny")
def test_train_as_json(capsys: Capture) -> None:
    assert main([*TRAIN, "--iterations=4", "--evaluate-every=2", "--sentence=où ?", "--json"]) == 0
    output, errors = capsys.readouterr()
    *evaluations, summary = objects(output)
    assert [each["event"] for each in evaluations] == ["evaluation"] * 3
    assert [each["iteration"] for each in evaluations] == [0, 2, 4]
    assert evaluations[0]["translations"][-1]["source"] == "où ?"
    assert (summary["run_id"], summary["state"], summary["iterations"]) == (1, "finished", 4)
    assert errors == ""


@pytest.mark.usefixtures("tiny")
def test_a_run_on_a_busy_machine_says_so(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OthersMeter, "read", lambda _: 1.5)
    assert main([*TRAIN, "--iterations=5"]) == 0
    assert "Measured on a busy machine: other programs took 1.5 of" in capsys.readouterr().out
    assert main(["runs"]) == 0
    assert " samples/s (busy machine), loss" in capsys.readouterr().out
    assert main([*TRAIN, "--iterations=5", "--json"]) == 0
    *_, summary = objects(capsys.readouterr().out)
    assert summary["interference"].startswith("Measured on a busy machine")
    assert (summary["warmup_steps"], summary["interfered_steps"]) == (3, 0)
    assert set(summary["phase_seconds"]) == {*PHASES, "between"}


def test_every_option_reaches_the_configuration(tiny: None, capsys: Capture) -> None:
    del tiny
    options = {
        "--iterations": ("1", "iterations", 1),
        "--seconds": ("9.5", "max_seconds", 9.5),
        "--batch-size": ("3", "batch_size", 3),
        "--layers": ("2", "layers", 2),
        "--dropout": ("0.1", "dropout", 0.1),
        "--optimizer": ("sgd", "optimizer", "sgd"),
        "--learning-rate": ("0.01", "learning_rate", 0.01),
        "--momentum": ("0.5", "momentum", 0.5),
        "--teacher-forcing": ("0.25", "teacher_forcing", 0.25),
        "--seed": ("7", "seed", 7),
        "--precision": ("bf16", "precision", "bf16"),
        "--evaluate-every": ("5", "evaluate_every", 5),
        "--target-loss": ("0.5", "target_loss", 0.5),
        "--engine": ("fused", "engine", "fused"),
        "--hidden-size": ("4", "hidden_size", 4),
        "--sentence": ("tu", "sentences", ("tu",)),
    }
    given = [word for name, (text, *_) in options.items() for word in (name, text)]
    assert main([*TRAIN, *given, "--keep-optimizer", "--quality"]) == 0
    with closing(Store(home())) as store:
        config = store.run(1).config
    assert {field: getattr(config, field) for _, field, _ in options.values()} == {
        field: value for _, field, value in options.values()
    }
    assert (config.keep_optimizer, config.continue_from, config.threads) == (True, None, 1)
    assert config.measure_quality
    capsys.readouterr()
    assert main([*TRAIN, "--layers=2", "--hidden-size=4", "--continue=last", "--iterations=1"]) == 0
    assert load_checkpoint(run_folder(2)).iteration == 2


def test_bad_choices_make_no_run(capsys: Capture) -> None:
    assert "batch size" in refused([*TRAIN, "--batch-size=0"], capsys)
    assert "choose the fused" in refused([*TRAIN, "--engine=article", "--precision=bf16"], capsys)
    assert "sentence is a text" in refused([*TRAIN, "--sentence=\udcff"], capsys)
    assert not home().exists()


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--corpus=nowhere", "There is no corpus 'nowhere'"),
        ("--continue=9", "Run 9 not found"),
        ("--continue=last", "No run has a checkpoint yet"),
        ("--continue=x", "A run is given by its id, or as last; got 'x'."),
    ],
)
def test_what_is_not_there_makes_no_run(option: str, words: str, capsys: Capture) -> None:
    assert words in refused([*TRAIN, option], capsys)
    with closing(Store(home())) as store:
        assert store.runs() == []


@pytest.mark.usefixtures("tiny")
def test_a_run_that_fails(capsys: Capture) -> None:
    assert main([*TRAIN, "--device=cuda:99", "--json"]) == 1
    output, errors = capsys.readouterr()
    assert errors.startswith("s2s: run 1: There is no device cuda:99")
    assert errors.count("\n") == 1
    assert objects(output) == []


def engine_that(monkeypatch: pytest.MonkeyPatch, at_step_3: Callable[[], Any]) -> None:
    """Does this at its third step; what that returns, if anything, is the loss sum."""
    count = 0

    forward = FusedEngine.forward

    def acting(engine: FusedEngine, batch: Any, forced: bool) -> Forward:
        nonlocal count
        count += 1
        found = forward(engine, batch, forced)
        instead = at_step_3() if count == 3 else None
        return found if instead is None else dataclasses.replace(found, loss_sum=instead)

    monkeypatch.setattr(FusedEngine, "forward", acting)


@pytest.mark.usefixtures("tiny")
def test_a_run_that_diverges(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    engine_that(monkeypatch, lambda: torch.tensor(float("nan")))
    assert main([*TRAIN, "--iterations=10", "--json"]) == 1
    output, errors = capsys.readouterr()
    assert objects(output)[-1]["state"] == "diverged"
    assert "smaller learning rate" in errors
    assert main(["export", "--format=json"]) == 0
    [run] = objects(capsys.readouterr().out)
    assert run["steps"]["loss_sum"][2] is None
    assert run["steps"]["loss_sum"][1] > 0


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_step_and_keeps_a_checkpoint(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    engine_that(monkeypatch, lambda: signal.raise_signal(number))
    assert main([*TRAIN, "--iterations=1000"]) == 130
    output, errors = capsys.readouterr()
    assert output.startswith("Run 1 interrupted after 3 iterations")
    assert errors.endswith("The program was shut down; `python -m s2s resume 1` goes on.\n")
    assert Translator.load(run_folder(1)).iteration == 3
    assert signal.getsignal(number) == signal.SIG_DFL  # a second one ends at once


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("name", ["1", "last"])
def test_resume(capsys: Capture, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with monkeypatch.context() as patched:
        engine_that(patched, lambda: signal.raise_signal(signal.SIGINT))
        assert main([*TRAIN, "--iterations=12", "--threads=1"]) == 130
    capsys.readouterr()
    main(["runs"])
    assert capsys.readouterr().out.endswith("; resume it with: python -m s2s resume 1\n")
    main(["runs", "--json"])
    assert objects(capsys.readouterr().out)[0]["resumes_at"] == 3
    with closing(Store(home())) as store:  # one that waited behind it
        store.interrupt_run(store.create_run(store.run(1).config), "shut down")
    assert main(["resume", name, "--json"]) == 0
    output, errors = capsys.readouterr()
    summary = objects(output)[-1]
    assert (summary["run_id"], summary["iterations"], summary["state"]) == (1, 12, "finished")
    assert errors == "s2s: run 1: It was interrupted, and resumed from iteration 3.\n"
    assert "is finished; only an interrupted run" in refused(["resume", "1"], capsys)
    assert main(["resume", "last", "--json"]) == 0
    capsys.readouterr()
    assert "No interrupted run can be resumed" in refused(["resume", "last"], capsys)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("limit", ["--iterations=5", "--seconds=0.05"])
def test_a_person_sees_progress(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert main([*TRAIN, limit]) == 0
    assert "%|" in screen.getvalue()
    assert "validation" in screen.getvalue()


# Translating


@pytest.mark.usefixtures("trained")
def test_translate(capsys: Capture) -> None:
    assert main(["translate", "je mange zorro", "tu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("   (unknown words: zorro)")
    assert "unknown" not in lines[1]


@pytest.mark.usefixtures("trained")
def test_translate_as_json(capsys: Capture) -> None:
    assert main(["translate", "--run=1", "--json", "--", "-- zorro"]) == 0
    [translation] = objects(capsys.readouterr().out)
    assert translation["run_id"] == 1
    assert translation["source"] == "-- zorro"
    assert translation["unknown_words"] == ["-", "zorro"]
    assert [word["text"] for word in translation["words"]]
    assert {"text", "seconds", "finished"} < translation.keys()


@pytest.mark.usefixtures("trained")
def test_translate_from_standard_input(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("je mange du pain.\n\n   \ntu vois"))
    assert main(["translate", "--json"]) == 0
    sources = [each["source"] for each in objects(capsys.readouterr().out)]
    assert sources == ["je mange du pain.", "tu vois"]


@pytest.mark.usefixtures("trained")
def test_the_last_run_is_the_last_with_a_checkpoint(capsys: Capture) -> None:
    for _ in range(2):
        assert main([*TRAIN, "--iterations=1"]) == 0
    delete_checkpoint(3)
    capsys.readouterr()
    assert main(["translate", "--run=last", "--json", "tu"]) == 0
    assert objects(capsys.readouterr().out)[0]["run_id"] == 2
    assert "Run 3 has no checkpoint" in refused(["translate", "--run=3", "tu"], capsys)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("last", "No run has a checkpoint yet"),
        ("7", "Run 7 not found"),
        ("-1", "by its id, or as last; got '-1'"),
        ("²", "by its id, or as last"),
        ("9" * 30, "by its id, or as last"),
        ("../1", "by its id, or as last"),
        ("", "by its id, or as last"),
    ],
)
def test_runs_that_cannot_translate(run: str, words: str, capsys: Capture) -> None:
    assert words in refused(["translate", f"--run={run}", "tu"], capsys)


@pytest.mark.usefixtures("trained")
def test_nothing_to_translate(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(" \n"))
    assert "Give sentences as arguments" in refused(["translate"], capsys)
    assert "Give sentences as arguments" in refused(["translate", " "], capsys)
    assert "No word is left of" in refused(["translate", "\u200b"], capsys)


# Quality and noise


@pytest.mark.usefixtures("tiny")
def test_quality_is_in_the_summary_and_in_the_export(capsys: Capture) -> None:
    assert main([*TRAIN, "--iterations=2", "--quality"]) == 0
    shown = capsys.readouterr().out
    assert main(["evaluate", "--json"]) == 0
    [found] = objects(capsys.readouterr().out)
    assert found["sentences"] == 6
    wanted = f"  quality, test part    BLEU {found['bleu']:.1f}, chrF {found['chrf']:.1f}\n"
    assert wanted in shown
    assert main(["export", "--format=json"]) == 0
    [run] = objects(capsys.readouterr().out)
    assert (run["summary"]["bleu"], run["summary"]["chrf"]) == (found["bleu"], found["chrf"])
    assert main(["evaluate"]) == 0
    assert "on 6 unseen sentences.\n" in capsys.readouterr().out


@pytest.mark.usefixtures("tiny")
def test_noise(capsys: Capture) -> None:
    assert main([*TRAIN, "--iterations=2"]) == 0
    capsys.readouterr()
    assert main(["noise", "--sentences=640"]) == 0
    title, scale, meaning = capsys.readouterr().out.splitlines()
    assert title.startswith("Gradient noise scale of run 1 after 2 iterations, from gradients of 6")
    assert re.fullmatch(r"  [\d.,]+ sentences \([\d.,]+ to [\d.,]+\)", scale)
    assert meaning.endswith(".")
    assert main(["noise", "--sentences=640", "--json", "--run=1"]) == 0
    [found] = objects(capsys.readouterr().out)
    assert (found["run_id"], found["small_batch"], found["big_batch"]) == (1, 32, 64)
    scale = found["scale"]["batch_size"]
    assert 0 < scale["low"] < scale["value"] < scale["high"]


@pytest.mark.usefixtures("trained")
def test_noise_that_cannot_be_measured(capsys: Capture) -> None:
    assert "measured on 640 to" in refused(["noise", "--sentences=1"], capsys)
    assert "Run 7 not found" in refused(["noise", "--run=7"], capsys)


def test_every_command_is_documented() -> None:
    root = Path(cli.__file__).parents[2]
    [commands] = [each for each in parser()._actions if isinstance(each.choices, dict)]
    for text in (root / "README.md", root / "CHANGELOG.md"):
        told = text.read_text("utf-8")
        start = "python -m s2s " if text.name == "README.md" else "`"
        assert [name for name in commands.choices if f"{start}{name}" not in told] == []


# Runs, export, system


@pytest.mark.usefixtures("trained")
def test_runs(capsys: Capture) -> None:
    assert main([*TRAIN, "--device=cuda:99"]) == 1
    capsys.readouterr()
    assert main(["runs"]) == 0
    failed, finished = capsys.readouterr().out.splitlines()
    assert failed.startswith("   2  failed        tiny · batch 4: fused, 0 iterations")
    assert finished.startswith("   1  finished      tiny · batch 4: fused, 2 iterations")
    assert main(["runs", "--json"]) == 0
    rows = objects(capsys.readouterr().out)
    assert [(row["run_id"], row["state"]) for row in rows] == [(2, "failed"), (1, "finished")]
    assert rows[1]["config"]["hidden_size"] == 8
    assert rows[1]["summary"]["iterations"] == 2


@pytest.mark.usefixtures("trained")
def test_no_stored_text_commands_the_terminal(capsys: Capture) -> None:
    hostile = "é\u202f\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
    with closing(Store(home())) as store, store.transaction() as database:
        database.execute("UPDATE runs SET name = ?, tags = ?", (hostile, json.dumps([hostile])))
    capsys.readouterr()
    assert main(["runs"]) == 0
    text = capsys.readouterr().out
    assert text.count("é\u202f\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\u202e") == 2
    assert main(["runs", "--json"]) == 0
    exact = capsys.readouterr().out
    assert json.loads(exact)["name"] == hostile
    assert not set("\x1b\x07\x9b\u202e") & set(text + exact)


@pytest.mark.usefixtures("trained")
def test_archived_and_deleted_runs_are_not_listed(capsys: Capture) -> None:
    with closing(Store(home())) as store:
        store.describe_run(1, "slow", ["first", "cpu"])
        store.archive_run(1)
    capsys.readouterr()
    assert main(["runs"]) == 0
    assert capsys.readouterr().out.startswith("All runs are archived; `python -m s2s runs --arch")
    assert main(["runs", "--archived"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("[first, cpu, archived]")
    assert main(["runs", "--archived", "--json"]) == 0
    (row,) = objects(capsys.readouterr().out)
    assert (row["notes"], row["tags"]) == ("slow", ["first", "cpu"])
    assert row["archived_at"] > row["finished_at"]
    with closing(Store(home())) as store:
        store.delete_run(1)
    assert main(["runs", "--archived"]) == 0
    assert capsys.readouterr().out.startswith("No run yet")
    assert main(["export"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert "Run 1 was deleted; Compare" in refused(["translate", "--run=1", "tu"], capsys)


def test_no_runs(capsys: Capture) -> None:
    assert main(["runs"]) == 0
    assert capsys.readouterr().out.startswith("No run yet")
    assert main(["runs", "--json"]) == 0
    assert capsys.readouterr().out == ""


def test_runs_of_a_program_that_was_killed_are_not_shown_as_running(capsys: Capture) -> None:
    code = "from s2s.config import TrainConfig; from s2s.paths import home;"
    code += "from s2s.store import Store; Store(home()).create_run(TrainConfig())"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert main(["runs", "--json"]) == 0
    assert objects(capsys.readouterr().out)[0]["state"] == "interrupted"


@pytest.fixture
def exported(trained: None) -> list[str]:
    """The names of run 1 and of run 2, which has no steps."""
    del trained
    names = ["=HYPERLINK(1)", '\t@SUM(1),\n"x"']
    assert main([*TRAIN, "--device=cuda:99"]) == 1
    with closing(Store(home())) as store:
        store.rename_run(1, names[0])
        store._writer.execute("UPDATE runs SET name = ? WHERE id = 2", (names[1],))
    return names


def test_export_csv(exported: list[str], capsys: Capture) -> None:
    capsys.readouterr()
    assert main(["export"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [(row["run_id"], row["iteration"]) for row in rows] == [("1", "1"), ("1", "2")]
    assert rows[0]["name"] == "'" + exported[0]
    assert (rows[0]["state"], rows[0]["engine"], rows[0]["device"]) == ("finished", "fused", "cpu")
    assert (rows[0]["batch_size"], rows[0]["samples"], rows[0]["timed"]) == ("4", "4", "False")
    with closing(Store(home())) as store:
        assert [float(row["loss_sum"]) for row in rows] == store.steps(1)["loss_sum"].tolist()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_names_like_formulas_are_inert_in_csv(trained: None, capsys: Capture, start: str) -> None:
    del trained
    with closing(Store(home())) as store:
        store._writer.execute("UPDATE runs SET name = ?", (f"{start}1+1",))
    assert main(["export"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert rows[0]["name"] == f"'{start}1+1"


def test_export_json(exported: list[str], tmp_path: Path, capsys: Capture) -> None:
    capsys.readouterr()
    path = tmp_path / "all.jsonl"
    assert main(["export", "--format=json", f"--output={path}"]) == 0
    assert capsys.readouterr() == ("", "")
    first, second = objects(path.read_text("utf-8"))
    assert [first["name"], second["name"]] == exported
    assert first["steps"]["iteration"] == [1, 2]
    assert [each["iteration"] for each in first["evaluations"]] == [0, 1, 2]
    assert first["device_samples"][0]["temperature_celsius"] is None
    assert first["environment"]["python"]
    assert first["machine_before"]["at"] <= first["machine_after"]["at"]
    assert first["machine_before"]["gpu_sm_mhz"] is None
    assert first["summary"]["phase_seconds"] is first["summary"]["step_seconds"] is None
    assert first["steps"]["interfered"] == [False, False]
    assert all(0 < each < 60 for each in first["steps"]["forward_seconds"])
    assert second["machine_before"] is None
    assert second["steps"]["iteration"] == second["evaluations"] == []
    assert "Traceback" in second["details"]


def test_export_where_nothing_can_be_written(tmp_path: Path, capsys: Capture) -> None:
    assert "cannot be written" in refused(["export", f"--output={tmp_path}"], capsys)
    assert "cannot be written" in refused(["export", f"--output={tmp_path}/no/where"], capsys)


def test_system(capsys: Capture) -> None:
    assert main(["system"]) == 0
    assert "logical_cores" in capsys.readouterr().out
    assert main(["system", "--json"]) == 0
    [info] = objects(capsys.readouterr().out)
    assert info["python"] == sys.version.split()[0]


def test_a_home_that_cannot_be_written(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "file"))
    for arguments in (["runs"], ["export"], TRAIN, ["translate", "tu"]):
        assert "set S2S_HOME" in refused(arguments, capsys)


# As a program of its own


def program(*arguments: str | bytes, **options: Any) -> subprocess.Popen[Any]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-m", "s2s", *arguments], **pipes | options)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_interrupts_within_three_seconds_with_a_checkpoint(number: signal.Signals) -> None:
    arguments = [*TRAIN, "--iterations=1000000", "--evaluate-every=5", "--json"]
    with program(*arguments, text=True) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        assert [each["iteration"] for each in objects("".join(lines))] == [0, 5]
        asked = time.monotonic()
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
        assert time.monotonic() - asked < SHUTDOWN_SECONDS
    assert process.returncode == 130
    assert "`python -m s2s resume 1` goes on" in errors
    summary = objects(output)[-1]
    assert (summary["run_id"], summary["state"]) == (1, "interrupted")
    with closing(Store(home())) as store:
        assert store.run(1).state is RunState.INTERRUPTED
        assert store.run(1).iterations_done == summary["iterations"]
        assert [at for _, at in resumable(store)] == [summary["iterations"]]


@pytest.mark.usefixtures("trained")
def test_any_bytes_are_translated_whatever_the_locale() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"}
    with program("translate", "--json", env=environment) as process:
        output, errors = process.communicate("où ".encode() + b"\xff", timeout=60)
    assert (process.returncode, errors) == (0, b"")
    assert "où" in output.decode()
    assert objects(output.decode())[0]["source"] == "où \\xff"


def test_a_reader_that_has_seen_enough() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}  # all is written at the end
    with program("runs", stdout=writing, env=environment) as process:
        os.close(writing)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")


def test_errors_and_usage_as_a_program() -> None:
    for arguments, code in ((["translate", "--run=7", "tu"], 1), (["train", "--engine=x"], 2)):
        with program(*arguments, text=True) as process:
            output, errors = process.communicate(timeout=60)
        assert (process.returncode, output) == (code, "")
        assert "Traceback" not in errors


def test_only_training_and_translating_load_torch() -> None:
    code = "import sys; from s2s.cli import main; main(['runs']); main(['corpora']);"
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
