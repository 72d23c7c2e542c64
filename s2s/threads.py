"""How torch's worker threads wait for work: said before torch is first imported."""

import os
from collections.abc import MutableMapping
from enum import StrEnum

_SPINS = "30000"
_VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


class Waiting(StrEnum):
    BRIEFLY = "briefly"
    """As s2s does."""
    DEFAULT = "default"
    """As torch does by itself."""


def spin_briefly() -> None:
    """Lets the threads sleep soon after a step, unless the user's environment says otherwise.

    By default they spin, which on few cores starves every other busy thread, and them by it: a
    dashboard watched by one browser tab kept 0.80 of the lone training speed, with this 0.95.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)


def set_waiting(environment: MutableMapping[str, str], waiting: Waiting) -> None:
    """The same choice in any environment, whatever it said before; for comparisons."""
    for name in _VARIABLES:
        environment.pop(name, None)
    if waiting is Waiting.BRIEFLY:
        environment["GOMP_SPINCOUNT"] = _SPINS
