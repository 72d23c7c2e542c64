import pytest

from s2s.records import EOS, PAD, SOS, SPECIAL_WORDS, STEP_DTYPE, UNK, RunState


def test_finished_states() -> None:
    unfinished = {state for state in RunState if not state.is_finished()}
    assert unfinished == {RunState.QUEUED, RunState.RUNNING, RunState.STOPPING}


@pytest.mark.parametrize(
    ("index", "word"), [(PAD, "PAD"), (SOS, "SOS"), (EOS, "EOS"), (UNK, "UNK")]
)
def test_special_words_stand_at_their_ids(index: int, word: str) -> None:
    assert SPECIAL_WORDS[index] == word


def test_step_rows_are_packed_as_the_store_has_them() -> None:
    """Stores that were written hold these bytes: a change needs a new schema version."""
    assert STEP_DTYPE.itemsize == 8 + 8 + 4 * 4 + 8 + 1 + 4 * 4 + 1
    assert STEP_DTYPE.names == (
        "iteration",
        "loss_sum",
        "samples",
        "source_tokens",
        "target_tokens",
        "padded_tokens",
        "seconds",
        "timed",
        "data_seconds",
        "forward_seconds",
        "backward_seconds",
        "optimizer_seconds",
        "interfered",
    )
