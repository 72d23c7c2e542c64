"""Functions in C, compiled on the spot where there is a C compiler; elsewhere torch has to do."""

import contextlib
import ctypes
import functools
import hashlib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

_SOURCE = Path(__file__).with_name("kernels.c")
# Without -ffast-math, under which a loss that is no number could pass for one.
_FLAGS = "-O3 -march=native -fno-math-errno -fno-trapping-math -fopenmp -std=gnu11 -shared -fPIC"
_DEFINED = {torch.float32: "FLOAT", torch.float64: "DOUBLE"}
_COMPILED_WITHIN_SECONDS = 60.0
_DIGEST_BYTES = 32
"""Behind a library that is kept, where its loader takes no notice of them."""


@functools.cache
def kernels(dtype: torch.dtype) -> ctypes.CDLL | str:
    """The functions of kernels.c for float32 or float64, or why there are none, in a few words.

    Compiled once a checkout and kind of processor, which takes about a second; the compiler is
    `cc`, or what the environment's CC names.
    """
    try:
        compiler = shlex.split(os.environ.get("CC", "")) or ["cc"]
    except ValueError as error:
        return f"CC is no command: {error}"
    command = [*compiler, *_FLAGS.split(), f"-D{_DEFINED[dtype]}", str(_SOURCE), "-lm"]
    key = hashlib.sha256(f"{command} {_processor()}".encode() + _SOURCE.read_bytes()).hexdigest()
    # Trusted as much, and as little, as what Python keeps there.
    kept = _SOURCE.parent / "__pycache__" / f"kernels-{key[:16]}.so"
    if _is_whole(kept):
        with contextlib.suppress(OSError):
            return ctypes.CDLL(str(kept))
    try:
        return _compile(command, kept)
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines()
        return f"the C compiler `{compiler[0]}` failed" + (f": {said[0]}" if said else "")
    except subprocess.TimeoutExpired:
        return f"the C compiler `{compiler[0]}` did not end"
    except OSError as error:
        return f"no C compiler `{compiler[0]}`: {error.strerror or error}"


def call(function: Callable[..., object], *arguments: int | float | Tensor) -> None:
    """Calls a function of kernels.c: first how many threads torch would use, then the arguments.

    Tensors must lie by rows on the CPU, and be of the type that the kernels were compiled for.
    """
    function(ctypes.c_int64(torch.get_num_threads()), *map(_in_c, arguments))


def _in_c(argument: int | float | Tensor) -> object:
    if isinstance(argument, Tensor):
        assert argument.is_contiguous()
        return ctypes.c_void_p(argument.data_ptr())
    return ctypes.c_int64(argument) if isinstance(argument, int) else ctypes.c_double(argument)


def _compile(command: list[str], kept: Path) -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / kept.name
        subprocess.run(  # noqa: S603 (the user's own compiler)
            [*command, "-o", str(fresh)],
            check=True,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMPILED_WITHIN_SECONDS,
        )
        try:
            kept.parent.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=kept.parent) as beside:
                signed = Path(beside) / kept.name
                signed.write_bytes(fresh.read_bytes() + _digest(fresh.read_bytes()))
                signed.replace(kept)
            return ctypes.CDLL(str(kept))
        except OSError:  # a checkout that cannot be written to: compiled anew at every start
            return ctypes.CDLL(str(fresh))


def _is_whole(kept: Path) -> bool:
    """A library that was cut short, by a full disk say, would not fail but end the program."""
    try:
        content = kept.read_bytes()
    except OSError:
        return False
    return content[-_DIGEST_BYTES:] == _digest(content[:-_DIGEST_BYTES])


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _processor() -> str:
    """What tells processors apart that do not run each other's code."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return ""
