"""What `make audit` makes of pip-audit's answer."""

import json

import pytest

from tests.audit import OFFLINE, told

SOUND = {"name": "a", "version": "1", "vulns": []}
HOLE = {
    "name": "b",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}, {"id": "PYSEC-2", "fix_versions": []}],
}
SKIPPED = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ([SOUND, SOUND], (0, "2 packages, no known hole.")),
        (
            [SOUND, HOLE],
            (1, "b 2: PYSEC-1, mended in 3\nb 2: PYSEC-2, mended in no version yet"),
        ),
        ([SOUND, SKIPPED], (1, "Not looked up, so not known to be sound: c.")),
        ([SKIPPED], (1, OFFLINE)),
        ([], (1, OFFLINE)),
    ],
)
def test_what_was_found(packages: list[dict[str, object]], expected: tuple[int, str]) -> None:
    assert told(json.dumps({"dependencies": packages, "fixes": []})) == expected


@pytest.mark.parametrize("output", ["", "ERROR: no network", "{"])
def test_no_answer_is_a_failure(output: str) -> None:
    assert told(output) == (1, OFFLINE)
