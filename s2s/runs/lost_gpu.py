"""Whether an error has spoilt this process's CUDA context, after which every CUDA call fails.

Only a new process gets a new context: until then nothing is trained on a GPU here, and no CUDA
call is made. What runs on the processor goes on.
"""

from s2s.errors import UserError

_SIGNS = (
    "device-side assert",
    "illegal memory access",
    "illegal instruction",
    "illegal address",
    "misaligned address",
    "invalid program counter",
    "invalid address space",
    "hardware stack error",
    "unspecified launch failure",
    "launch timed out",
    "uncorrectable ecc",
    "cudaerrorecc",
    "nvlink",
    "gpu is lost",
    "fallen off the bus",
    "context is destroyed",
)
"""Of the messages of the errors after which, says CUDA's reference, a process must be ended."""
_spoilt_device = ""


def spoils_context(error: BaseException) -> bool:
    text = str(error).lower()
    if type(error).__name__ == "AcceleratorError":  # torch's own, for any failed CUDA call
        return "out of memory" not in text
    return isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS)


def note(error: BaseException, device: str) -> None:
    """Remembers that `device` was lost for this process, if that is what the error says."""
    global _spoilt_device
    if device.startswith("cuda") and spoils_context(error):
        _spoilt_device = _spoilt_device or device


def spoilt_device() -> str:
    """`cuda:N`, or empty where all is well."""
    return _spoilt_device


def is_held(asked: str) -> bool:
    """Whether a run that asks for this device has to wait for a new process."""
    return bool(_spoilt_device) and asked != "cpu"


def sentence() -> str:
    """What the user should do; empty where all is well."""
    if not _spoilt_device:
        return ""
    return (
        f"{_spoilt_device} failed in a way from which this process cannot recover: start s2s "
        "again to train on a GPU. Runs that wait for it stay queued till then; those on the "
        "processor go on."
    )


def check(asked: str) -> None:
    """Raises UserError where `asked` is held."""
    if is_held(asked):
        raise UserError(sentence())
