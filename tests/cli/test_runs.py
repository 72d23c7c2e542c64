"""The commands `runs`, `export`, `evaluate`, `noise` and `translate` on a trained run."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from s2s.cli.main import main
from s2s.config import TrainConfig
from s2s.runs.files import delete_checkpoint
from s2s.store import Store
from tests.cli.conftest import TRAIN, Capture, error_of, objects, printed, printed_json

pytestmark = pytest.mark.usefixtures("trained_home")


def test_list(capsys: Capture) -> None:
    assert main([*TRAIN, "--device=cuda:99"]) == 1
    failed, finished = printed(["runs"], capsys).splitlines()
    assert failed.split()[:2] == ["2", "failed"]
    assert finished.split()[:2] == ["1", "finished"]
    rows = printed_json(["runs"], capsys)
    assert [(row["run_id"], row["state"]) for row in rows] == [(2, "failed"), (1, "finished")]
    assert rows[1]["config"]["hidden_size"] == 8
    assert rows[1]["summary"]["iterations"] == 10


def test_stored_text_cannot_control_the_terminal(store: Store, capsys: Capture) -> None:
    hostile = "é\u202f\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
    with store.transaction() as database:
        database.execute("UPDATE runs SET name = ?, tags = ?", (hostile, json.dumps([hostile])))
    text = printed(["runs"], capsys)
    assert text.count("é\u202f\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\u202e") == 2
    exact = printed(["runs", "--json"], capsys)
    assert json.loads(exact)["name"] == hostile
    assert not set("\x1b\x07\x9b\u202e") & set(text + exact)


def test_archived_and_deleted_runs(store: Store, capsys: Capture) -> None:
    store.annotate_run(1, "slow", ["first", "cpu"])
    store.archive_run(1)
    assert "--archived" in printed(["runs"], capsys)
    assert printed_json(["runs"], capsys) == []
    assert printed(["runs", "--archived"], capsys).rstrip().endswith("[first, cpu, archived]")
    (row,) = printed_json(["runs", "--archived"], capsys)
    assert (row["notes"], row["tags"]) == ("slow", ["first", "cpu"])
    assert row["archived_at"] > row["finished_at"]
    store.delete_run(1)
    assert printed_json(["runs", "--archived"], capsys) == []
    assert len(printed(["export"], capsys).splitlines()) == 1
    error_of(["translate", "--run=1", "tu"], capsys)


def test_export(store: Store, tmp_path: Path, capsys: Capture) -> None:
    queued = store.create_run(TrainConfig())
    rows = list(csv.DictReader(io.StringIO(printed(["export"], capsys), newline="")))
    assert [(row["run_id"], row["iteration"]) for row in rows] == [
        ("1", str(number)) for number in range(1, 11)
    ]
    assert (rows[0]["state"], rows[0]["engine"], rows[0]["device"]) == ("finished", "fused", "cpu")
    assert [float(row["loss_sum"]) for row in rows] == store.steps(1)["loss_sum"].tolist()
    path = tmp_path / "all.jsonl"
    assert printed(["export", "--format=json", f"--output={path}"], capsys) == ""
    first, second = objects(path.read_text("utf-8"))
    assert (first["run_id"], second["run_id"]) == (1, queued)
    assert first["steps"]["iteration"] == list(range(1, 11))
    assert [each["iteration"] for each in first["evaluations"]] == [0, 5, 10]
    assert first["environment"]["python"]
    assert first["machine_before"]["at"] <= first["machine_after"]["at"]
    assert all(0 < each < 60 for each in first["steps"]["forward_seconds"])
    assert second["steps"]["iteration"] == second["evaluations"] == []
    for output in (tmp_path, tmp_path / "no" / "where", "\0"):
        error_of(["export", f"--output={output}"], capsys)


def test_noise(capsys: Capture) -> None:
    assert "640 sentences" in printed(["noise", "--sentences=640"], capsys)
    [noise] = printed_json(["noise", "--sentences=640", "--run=1"], capsys)
    assert (noise["run_id"], noise["small_batch"], noise["big_batch"]) == (1, 32, 64)
    error_of(["noise", "--sentences=1"], capsys)


def test_translate(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = printed(["translate", "je mange zorro", "tu"], capsys).splitlines()
    assert first.endswith("(unknown words: zorro)")
    assert "unknown" not in second
    assert main(["translate", "--run=1", "--json", "--", "-- zorro"]) == 0
    [translation] = objects(capsys.readouterr().out)
    assert (translation["run_id"], translation["source"]) == (1, "-- zorro")
    assert translation["unknown_words"] == ["-", "zorro"]
    assert {"text", "words", "seconds", "finished"} < translation.keys()
    monkeypatch.setattr(sys, "stdin", io.StringIO("je mange du pain.\n\n   \ntu vois"))
    sources = [each["source"] for each in printed_json(["translate"], capsys)]
    assert sources == ["je mange du pain.", "tu vois"]
    error_of(["translate", "\u200b"], capsys)
    for _ in range(2):
        assert main([*TRAIN, "--iterations=1"]) == 0
    delete_checkpoint(3)
    assert printed_json(["translate", "--run=last", "tu"], capsys)[0]["run_id"] == 2
    for run in ("3", "7", "-1", "9" * 30, "../1", ""):
        error_of(["evaluate", f"--run={run}"], capsys)


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "file"))
    for arguments in (["runs"], ["export"], TRAIN, ["translate", "tu"]):
        assert "S2S_HOME" in error_of(arguments, capsys)


def test_any_bytes_are_translated_whatever_the_locale() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "s2s", "translate", "--json"]
    source = "où ".encode() + b"\xff"
    done = subprocess.run(
        command, input=source, env=environment, capture_output=True, timeout=60, check=True
    )
    assert done.stderr == b""
    assert objects(done.stdout.decode())[0]["source"] == "où \\xff"


def test_a_closed_pipe_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}  # everything is written at the end
    command = [sys.executable, "-m", "s2s", "runs"]
    with subprocess.Popen(
        command, stdout=writing, stderr=subprocess.PIPE, env=environment
    ) as process:
        os.close(writing)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")
