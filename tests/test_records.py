"""Step records."""

from s2s.records import STEP_DTYPE


def test_the_layout_of_step_records() -> None:
    """Stores contain these bytes: a change needs a new schema version."""
    fields = [(name, str(STEP_DTYPE[name])) for name in STEP_DTYPE.names or ()]
    assert fields == [
        ("iteration", "int64"),
        ("loss_sum", "float64"),
        *((name, "int32") for name in ("samples", "source_tokens")),
        *((name, "int32") for name in ("target_tokens", "padded_tokens")),
        ("seconds", "float64"),
        ("timed", "bool"),
        *((f"{phase}_seconds", "float32") for phase in ("data", "forward", "backward")),
        ("optimizer_seconds", "float32"),
        ("interfered", "bool"),
    ]
    assert STEP_DTYPE.itemsize == 8 + 8 + 4 * 4 + 8 + 1 + 4 * 4 + 1
