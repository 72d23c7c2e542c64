"""What becomes of freed memory: kept from step to step, handed back after a checkpoint.

Both are in the hands of glibc's malloc; elsewhere nothing is done.
"""

import ctypes
import sys

import torch

_TEACHING_BYTES = 2**25 - 2**16
"""A block a little below the largest from which malloc learns (32 MiB, see mallopt(3))."""


def keep_what_is_freed() -> None:
    """From now on malloc keeps freed blocks of that size and less.

    Otherwise it may hand gradients back at each step, to get every page of them anew.
    """
    torch.empty(_TEACHING_BYTES, dtype=torch.uint8)


def hand_back() -> None:
    """Gives the system all that is free now, which takes some milliseconds.

    An evaluation and a checkpoint take many times what a step does, and leave it in pieces: without
    this a long run grows by some of them each time.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(ctypes.c_size_t(0))
