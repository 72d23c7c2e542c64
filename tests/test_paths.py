"""The home folder, and the environment of torch's threads."""

import os
from pathlib import Path

import pytest

import s2s
from s2s.paths import corpora_folder, folder_bytes, home, run_folder
from s2s.threads import Spinning, limit_thread_spinning, set_spinning


def test_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "a"))
    assert home() == tmp_path / "a"
    assert corpora_folder() == tmp_path / "a/corpora"
    assert run_folder(7) == tmp_path / "a/runs/7"
    assert not home().exists()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("S2S_HOME", "relative")
    assert home() == tmp_path / "relative"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("S2S_HOME", "~/tilde")
    assert home() == tmp_path / "tilde"
    monkeypatch.setenv("S2S_HOME", "")
    assert home() == Path(s2s.__file__).parents[1] / ".s2s"
    monkeypatch.delenv("S2S_HOME")
    assert home() == Path(s2s.__file__).parents[1] / ".s2s"


def test_folder_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/one").write_bytes(b"abc")
    assert folder_bytes(tmp_path) == 3
    monkeypatch.setattr(Path, "rglob", lambda *_: iter([tmp_path / "in/one", tmp_path / "gone"]))
    monkeypatch.setattr(Path, "is_file", lambda _: True)  # until it was removed
    assert folder_bytes(tmp_path) == 3


def test_the_spin_count_set_by_the_user_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "5")
    limit_thread_spinning()
    assert os.environ["GOMP_SPINCOUNT"] == "5"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    limit_thread_spinning()
    assert os.environ["GOMP_SPINCOUNT"] == "30000"
    for spinning, after in ((Spinning.BRIEF, {"GOMP_SPINCOUNT": "30000"}), (Spinning.DEFAULT, {})):
        environment = {"GOMP_SPINCOUNT": "5", "OMP_WAIT_POLICY": "ACTIVE"}
        set_spinning(environment, spinning)
        assert environment == after
