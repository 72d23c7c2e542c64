"""Five sessions look on for some seconds; `make soak` holds 50 for ten minutes."""

from tools.soak.load import rows


def test_viewers_get_their_ticks_and_nothing_piles_up() -> None:
    for found in rows(full=False):
        assert found.is_good(), found.problems
