"""How exactly a GPU multiplies: TF32 is a switch of the whole process, held for a step's length."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from s2s.config import Precision, UserError


def check_precision(precision: Precision, device: torch.device) -> None:
    """UserError where the device has no such products."""
    if precision is Precision.TF32 and device.type != "cuda":
        raise UserError(
            f"tf32 products are made by a GPU, and this run is on {device}; choose fp32 or bf16."
        )


@contextmanager
def products_in(precision: Precision, device: torch.device) -> Iterator[None]:
    """On a GPU, float32 products inside are exact under fp32, and in TF32 otherwise.

    Waits while another thread is inside with the other choice, so it must not be entered twice
    with two choices. A captured graph keeps the choice that it was captured with: replays need
    not be inside, and never wait.
    """
    if device.type != "cuda":
        yield
        return
    with _switch.held("ieee" if precision is Precision.FP32 else "tf32"):
        yield


class _Switch:
    """Runs on two GPUs of one process may want it in different positions.

    Those who want the same one are inside together; the others wait at the door for them to
    leave, and whoever comes next waits behind these, so that all take their turn. Outside, the
    switch is as the program had it.
    """

    def __init__(self) -> None:
        self._door = threading.Lock()
        self._changed = threading.Condition()
        self._inside = 0
        self._position = ""
        self._before = ("", "")

    @contextmanager
    def held(self, position: str) -> Iterator[None]:
        """In `position`, "ieee" or "tf32", as torch.backends names them."""
        with self._door, self._changed:
            self._changed.wait_for(lambda: not self._inside or self._position == position)
            if not self._inside:
                self._before = _positions()
                self._position = position
                _set_positions(position, position)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                if not self._inside:
                    _set_positions(*self._before)
                self._changed.notify_all()


_switch = _Switch()


def _positions() -> tuple[str, str]:
    """Of cuBLAS's products and of cuDNN's recurrent layers."""
    matmul: str = torch.backends.cuda.matmul.fp32_precision
    recurrent: str = torch.backends.cudnn.rnn.fp32_precision  # type: ignore[attr-defined]
    return matmul, recurrent


def _set_positions(matmul: str, recurrent: str) -> None:
    torch.backends.cuda.matmul.fp32_precision = matmul
    torch.backends.cudnn.rnn.fp32_precision = recurrent  # type: ignore[attr-defined]
