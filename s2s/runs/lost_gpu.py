"""Remember a lost GPU. After some errors, all further CUDA calls of this process fail.

Only a new process gets a new CUDA context. Until s2s is restarted, it trains no run on a GPU and
does not call CUDA. Runs on the CPU continue.
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
"""Messages of errors after which the process must be restarted, according to CUDA's reference."""
_lost_device = ""


def is_fatal_to_gpu(error: BaseException) -> bool:
    """Return whether all CUDA calls fail after this error."""
    if type(error).__name__ == "AcceleratorError":  # torch raises it for any failed CUDA call
        return "out of memory" not in str(error).lower()
    return isinstance(error, RuntimeError) and bool(_FATAL.search(str(error)))


def note_lost_device(error: BaseException, device: str) -> None:
    """Remember the device as lost if the error means that. Only the first lost device is kept."""
    global _lost_device
    if device.startswith("cuda") and is_fatal_to_gpu(error):
        _lost_device = _lost_device or device


def lost_device() -> str:
    """Return the lost device, such as `cuda:0`, or an empty string."""
    return _lost_device


def is_blocked(device: str) -> bool:
    """Return whether runs on this device (or `auto`) must wait until s2s is restarted."""
    return bool(_lost_device) and device != "cpu"


def check_not_blocked(device: str) -> None:
    """Raise UserError if the device is blocked."""
    if is_blocked(device):
        raise UserError(f"{_lost_device} failed. Restart s2s to train on a GPU again.")
