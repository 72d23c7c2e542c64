"""Compiling the kernels, caching them, and doing without."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from s2s.translation.fast import kernels as module

needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
compile_kernels = module.get_kernels.__wrapped__


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the C code alone, nothing compiled yet."""
    source = tmp_path / "kernels.c"
    shutil.copyfile(module._SOURCE, source)
    monkeypatch.setattr(module, "_SOURCE", source)
    monkeypatch.delenv("CC", raising=False)
    return tmp_path


@needs_compiler
@pytest.mark.parametrize("macro", ["FLOAT", "DOUBLE"])
def test_the_compiler_gives_no_warning(macro: str, tmp_path: Path) -> None:
    subprocess.run(
        f"cc {module._FLAGS} -Wall -Wextra -Werror -D{macro} {module._SOURCE} -lm -o out.so",
        shell=True,
        check=True,
        cwd=tmp_path,
    )


@needs_compiler
def test_compiled_once(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(compile_kernels(torch.float32), ctypes.CDLL)
    assert len(list((checkout / "__pycache__").iterdir())) == 1
    monkeypatch.setattr(module, "_compile", None)
    assert isinstance(compile_kernels(torch.float32), ctypes.CDLL)
    with pytest.raises(TypeError):  # another number type needs another library
        compile_kernels(torch.float64)


@needs_compiler
def test_a_read_only_checkout(checkout: Path) -> None:
    (checkout / "__pycache__").write_text("a file in its place")
    assert isinstance(compile_kernels(torch.float32), ctypes.CDLL)


@pytest.mark.parametrize("compiler", ["no-such-compiler", "false", "ls --bad-option", "hanging"])
def test_a_compiler_that_fails(
    checkout: Path, compiler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compiler == "hanging":
        compiler = str(checkout / "hanging")
        Path(compiler).write_text("#!/bin/sh\nexec sleep 60\n")
        Path(compiler).chmod(0o700)
        monkeypatch.setattr(module, "_COMPILE_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setenv("CC", compiler)
    reason = compile_kernels(torch.float32)
    assert isinstance(reason, str)
    assert compiler.split()[0] in reason
