"""Kernels in C, compiled at first use. Without a C compiler, torch's operations replace them."""

import contextlib
import ctypes
import functools
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

_SOURCE = Path(__file__).with_name("kernels.c")
# -ffast-math is left out, because it could hide a NaN loss.
_FLAGS = "-O3 -march=native -fno-math-errno -fno-trapping-math -fopenmp -std=gnu11 -shared -fPIC"
_MACROS = {torch.float32: "FLOAT", torch.float64: "DOUBLE"}
_COMPILE_TIMEOUT_SECONDS = 60.0


@functools.cache
def get_kernels(dtype: torch.dtype) -> ctypes.CDLL | str:
    """Return the library of kernels.c for float32 or float64, or the reason why there is none.

    Compiling takes about a second, once per dtype, checkout and kind of processor. The environment
    variable CC may name a compiler other than `cc`.
    """
    compiler = os.environ.get("CC", "").split() or ["cc"]
    command = [*compiler, *_FLAGS.split(), f"-D{_MACROS[dtype]}", str(_SOURCE), "-lm"]
    key = hashlib.sha256(
        f"{command} {_read_instruction_sets()}".encode() + _SOURCE.read_bytes()
    ).hexdigest()
    # Loading code from this folder adds no risk: Python loads its own bytecode from it.
    cached = _SOURCE.parent / "__pycache__" / f"kernels-{key[:16]}.so"
    with contextlib.suppress(OSError):
        return ctypes.CDLL(str(cached))
    try:
        return _compile(command, cached)
    except subprocess.CalledProcessError as error:
        message = error.stderr.strip().partition("\n")[0] or f"exit status {error.returncode}"
        return f"the C compiler `{compiler[0]}` failed: {message}"
    except subprocess.TimeoutExpired:
        return f"the C compiler `{compiler[0]}` timed out"
    except OSError as error:
        return f"no C compiler `{compiler[0]}`: {error.strerror or error}"


def call_kernel(function: Callable[..., object], *arguments: int | Tensor) -> None:
    """Call a function of kernels.c. Pass torch's number of threads first, then the arguments.

    Tensors must be contiguous, on the CPU, and of the dtype that the kernels were compiled for.
    """
    function(ctypes.c_int64(torch.get_num_threads()), *map(_to_c_argument, arguments))


def _to_c_argument(argument: int | Tensor) -> object:
    if isinstance(argument, int):
        return ctypes.c_int64(argument)
    assert argument.is_contiguous()
    return ctypes.c_void_p(argument.data_ptr())


def _compile(command: list[str], cached: Path) -> ctypes.CDLL:
    try:
        cached.parent.mkdir(exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=cached.parent)
    except OSError:  # the checkout is read-only, so the kernels are compiled at every start
        folder = tempfile.TemporaryDirectory()
    with folder as name:
        compiled = Path(name) / cached.name
        subprocess.run(  # noqa: S603 (the user's own compiler)
            [*command, "-o", str(compiled)],
            check=True,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMPILE_TIMEOUT_SECONDS,
        )
        library = ctypes.CDLL(str(compiled))
        with contextlib.suppress(OSError), compiled.open("rb") as file:
            os.fsync(file.fileno())  # loading a truncated library would crash the program
            compiled.replace(cached)
        return library


def _read_instruction_sets() -> str:
    """Return the line that names the processor's instruction sets. Compiled code needs them."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return ""
