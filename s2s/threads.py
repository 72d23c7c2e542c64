"""How long torch's idle worker threads spin; must be set before torch is imported."""

import os
from collections.abc import MutableMapping
from enum import StrEnum

_SPIN_COUNT = "30000"
_VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


class Spinning(StrEnum):
    """How long idle threads spin: briefly, as s2s sets it, or as long as OpenMP's default."""

    BRIEF = "brief"
    DEFAULT = "default"


def limit_thread_spinning() -> None:
    """Let idle threads sleep soon after a step, unless the user has set `GOMP_SPINCOUNT`.

    By default they spin, and on few cores they slow all other threads down: with a browser tab
    open, the dashboard trains at 0.80 of its speed without a tab; with this setting at 0.95.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", _SPIN_COUNT)


def set_spinning(environment: MutableMapping[str, str], spinning: Spinning) -> None:
    """Replace the setting in an environment, so that both can be compared."""
    for name in _VARIABLES:
        environment.pop(name, None)
    if spinning is Spinning.BRIEF:
        environment["GOMP_SPINCOUNT"] = _SPIN_COUNT
