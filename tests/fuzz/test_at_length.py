"""The fuzz tests with many random examples."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULES = sorted(path.name for path in Path(__file__).parent.glob("test_fuzz_*.py"))


@pytest.mark.long
@pytest.mark.parametrize("module", MODULES)
def test_many_examples(module: str) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "--tb=short", str(Path(__file__).with_name(module))],
        env={**os.environ, "S2S_FUZZ_FACTOR": "20"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert process.returncode == 0, process.stdout[-5000:]
