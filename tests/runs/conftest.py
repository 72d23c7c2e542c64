"""What the tests of runs share."""

import dataclasses
import gc
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from s2s.training.engines import Forward, FusedEngine


@pytest.fixture
def before_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], object]], None]:
    """`before_step(action)`: the fused engine calls action(n) first, n counting its steps from 1.

    What the action returns, if anything, takes the place of the loss sum.
    """

    def install(action: Callable[[int], object]) -> None:
        number = itertools.count(1)

        forward = FusedEngine.forward

        def acting(engine: FusedEngine, batch: Any, forced: bool) -> Forward:
            instead = action(next(number))
            found = forward(engine, batch, forced)
            return found if instead is None else dataclasses.replace(found, loss_sum=instead)

        monkeypatch.setattr(FusedEngine, "forward", acting)

    return install


@pytest.fixture(autouse=True, scope="session")
def _cheap_collections() -> Iterator[None]:
    """Each run ends with a full garbage collection; what is there by now need not be looked at."""
    gc.freeze()
    yield
    gc.unfreeze()
