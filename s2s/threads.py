"""How torch's worker threads wait for work: said before torch is first imported."""

import os


def spin_briefly() -> None:
    """Lets the threads sleep soon after a step, unless the user's environment says otherwise.

    By default they spin, which on few cores starves every other busy thread, and them by it: a
    dashboard watched by one browser tab kept 0.80 of the lone training speed, with this 0.95.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")
