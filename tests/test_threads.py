"""How threads wait, as the environment says it."""

import pytest

from s2s.threads import Waiting, set_waiting, spin_briefly


def test_the_users_own_choice_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("GOMP_SPINCOUNT", "5")
    spin_briefly()
    assert os.environ["GOMP_SPINCOUNT"] == "5"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    spin_briefly()
    assert os.environ["GOMP_SPINCOUNT"] == "30000"


@pytest.mark.parametrize(
    ("waiting", "after"), [(Waiting.BRIEFLY, {"GOMP_SPINCOUNT": "30000"}), (Waiting.DEFAULT, {})]
)
def test_a_choice_for_a_comparison(waiting: Waiting, after: dict[str, str]) -> None:
    environment = {"GOMP_SPINCOUNT": "5", "OMP_WAIT_POLICY": "ACTIVE", "PATH": "/bin"}
    set_waiting(environment, waiting)
    assert environment == {"PATH": "/bin", **after}
