"""Devices: from a name to one that is there, and whether its memory ran out."""

import torch

from s2s.config import UserError

_OUT_OF_MEMORY = (
    "can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""How torch says it on a CPU, and on a GPU where the memory is not for a tensor."""


def resolve_device(name: str) -> torch.device:
    """`auto` is the first GPU, or the CPU where there is none. UserError for one not there."""
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    device = torch.device("cuda:0" if name == "cuda" else name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"There is no device {name} here ({torch.cuda.device_count()} GPUs were found); "
            "choose auto or cpu."
        )
    return device


def device_names() -> list[str]:
    """All that a run can be asked to use, the best first."""
    return [*(f"cuda:{index}" for index in range(torch.cuda.device_count())), "cpu"]


def ran_out_of_memory(error: Exception) -> bool:
    """Whether it says that the device's memory did not suffice."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _OUT_OF_MEMORY)
