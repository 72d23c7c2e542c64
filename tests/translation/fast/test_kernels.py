"""Compiling, and doing without."""

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from s2s.translation.fast import kernels as module

needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
compile_anew = module.kernels.__wrapped__


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the C code alone, nothing compiled yet."""
    source = tmp_path / "kernels.c"
    shutil.copyfile(module._SOURCE, source)
    monkeypatch.setattr(module, "_SOURCE", source)
    monkeypatch.delenv("CC", raising=False)
    return tmp_path


@needs_compiler
@pytest.mark.parametrize("defined", ["FLOAT", "DOUBLE"])
def test_the_compiler_has_nothing_to_say(defined: str, tmp_path: Path) -> None:
    subprocess.run(
        f"cc {module._FLAGS} -Wall -Wextra -Werror -D{defined} {module._SOURCE} -lm -o out.so",
        shell=True,
        check=True,
        cwd=tmp_path,
    )


@needs_compiler
def test_compiled_once(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(compile_anew(torch.float32), ctypes.CDLL)
    assert len(list((checkout / "__pycache__").iterdir())) == 1
    monkeypatch.setattr(module, "_compile", None)
    assert isinstance(compile_anew(torch.float32), ctypes.CDLL)
    with pytest.raises(TypeError):  # another type of number is other code
        compile_anew(torch.float64)


@needs_compiler
@pytest.mark.parametrize(
    "harm",
    [
        lambda content: content[:4],
        lambda content: content[:8192],
        lambda content: content[:9000] + bytes(len(content) - 9000),
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda _: b"",
    ],
)
def test_what_was_damaged_is_compiled_anew(
    checkout: Path, harm: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:  # what a process has loaded once it would find again
        patch.setattr(ctypes, "CDLL", lambda _: None)
        compile_anew(torch.float32)
    [kept] = (checkout / "__pycache__").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(harm(whole))
    assert compile_anew(torch.float32).gru_forward
    assert kept.read_bytes() == whole


@needs_compiler
def test_a_checkout_that_cannot_be_written_to(checkout: Path) -> None:
    (checkout / "__pycache__").write_text("in its way")
    assert isinstance(compile_anew(torch.float32), ctypes.CDLL)


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    ("compiler", "reason"),
    [
        ("no-such-compiler", "no C compiler `no-such-compiler`: No such file or directory"),
        ("false", "the C compiler `false` failed"),
        ("ls --bad-option", "the C compiler `ls` failed: ls: unrecognized option '--bad-option'"),
        ("gcc '", "CC is no command: No closing quotation"),
        ("sleep 9 ; ", "the C compiler `sleep` failed: sleep: invalid option -- 'O'"),
    ],
)
def test_no_compiler(compiler: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", compiler)
    monkeypatch.setenv("LC_ALL", "C")
    assert compile_anew(torch.float32) == reason


def test_a_compiler_that_hangs(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = checkout / "hanging"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o700)
    monkeypatch.setenv("CC", str(hanging))
    monkeypatch.setattr(module, "_COMPILE_TIMEOUT_SECONDS", 0.2)
    assert compile_anew(torch.float32) == f"the C compiler `{hanging}` did not end"
