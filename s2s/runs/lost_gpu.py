"""A lost GPU: after some errors every CUDA call of this process fails.

Only a new process gets a new CUDA context. Until then this one trains nothing on a GPU and makes
no CUDA call; what trains on the CPU continues.
"""

import re

from s2s.errors import UserError

_FATAL = re.compile(
    "device-side assert|illegal (?:memory access|instruction|address)|misaligned address|"
    "invalid (?:program counter|address space)|hardware stack error|unspecified launch failure|"
    "launch timed out|uncorrectable ecc|cudaerrorecc|nvlink|gpu is lost|fallen off the bus|"
    "context is destroyed",
    re.IGNORECASE,
)
"""Messages of errors after which, by CUDA's reference, a process must be ended."""
_lost_device = ""


def loses_gpu(error: BaseException) -> bool:
    """Return whether every CUDA call fails after this error."""
    if type(error).__name__ == "AcceleratorError":  # torch's own, for any failed CUDA call
        return "out of memory" not in str(error).lower()
    return isinstance(error, RuntimeError) and bool(_FATAL.search(str(error)))


def note_error(error: BaseException, device: str) -> None:
    """Remember `device` as lost if the error says so, unless another was lost before."""
    global _lost_device
    if device.startswith("cuda") and loses_gpu(error):
        _lost_device = _lost_device or device


def lost_device() -> str:
    """Return `cuda:N`, or an empty string if no GPU was lost."""
    return _lost_device


def is_blocked(device: str) -> bool:
    """Return whether runs on this device, `auto` included, must wait for a new process."""
    return bool(_lost_device) and device != "cpu"


def check_not_blocked(device: str) -> None:
    """Raise UserError if the device is blocked."""
    if is_blocked(device):
        raise UserError(f"{_lost_device} failed. Restart s2s to train on a GPU again.")
