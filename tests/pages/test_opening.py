"""Opening a page costs no torch: its import takes seconds, and a page that reads needs none."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from s2s.records import Run

ROOT = Path(__file__).parents[2]
OPEN = """
import sys
from streamlit.testing.v1 import AppTest

app = AppTest.from_file("dashboard.py", default_timeout=60)
app.switch_page(f"pages/{sys.argv[1]}/{sys.argv[1]}.py").run()
assert not app.exception, app.exception
print(app.title[0].value, "torch" in sys.modules)
"""


@pytest.mark.parametrize("page", ["translate", "corpora", "system"])
def test_a_page_opens_without_torch(
    page: str, add_corpus: Callable[..., str], train: Callable[..., Run]
) -> None:
    train(add_corpus())
    done = subprocess.run(
        [sys.executable, "-c", OPEN, page], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [page.title(), "False"], done.stderr
