"""Where everything that the program writes lies."""

import os
from pathlib import Path


def home() -> Path:
    """`S2S_HOME`, or `.s2s/` beside the package. Not created here."""
    chosen = os.environ.get("S2S_HOME")
    return Path(chosen).expanduser().resolve() if chosen else Path(__file__).parents[1] / ".s2s"


def corpora_folder() -> Path:
    return home() / "corpora"


def run_folder(run_id: int) -> Path:
    return home() / "runs" / str(run_id)


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below `folder`; a file that vanishes meanwhile counts as 0."""
    total = 0
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
