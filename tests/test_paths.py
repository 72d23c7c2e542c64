from pathlib import Path

import pytest

import s2s
from s2s.paths import corpora_folder, folder_bytes, home, run_folder


def test_chosen_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "a"))
    assert home() == tmp_path / "a"
    assert corpora_folder() == tmp_path / "a/corpora"
    assert run_folder(7) == tmp_path / "a/runs/7"
    assert not home().exists()


def test_relative_and_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("S2S_HOME", "here")
    assert home() == tmp_path / "here"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("S2S_HOME", "~/there")
    assert home() == tmp_path / "there"


@pytest.mark.parametrize("value", [None, ""])
def test_beside_the_package_by_default(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("S2S_HOME")
    if value is not None:
        monkeypatch.setenv("S2S_HOME", value)
    assert home() == Path(s2s.__file__).parents[1] / ".s2s"


def test_folder_bytes(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "one").write_bytes(b"abc")
    (tmp_path / "in/two").write_bytes(b"de")
    assert folder_bytes(tmp_path) == 5
    assert folder_bytes(tmp_path / "nowhere") == 0


def test_folder_bytes_of_a_file_that_vanishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").write_bytes(b"abc")
    gone = tmp_path / "gone"
    gone.write_bytes(b"de")
    is_file = Path.is_file

    def vanish(path: Path) -> bool:
        there = is_file(path)
        if path == gone:
            gone.unlink()
        return there

    monkeypatch.setattr(Path, "is_file", vanish)
    assert folder_bytes(tmp_path) == 3
