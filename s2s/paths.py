"""The folders in which the program keeps its files."""

import os
from contextlib import suppress
from pathlib import Path

CHECKPOINT = "checkpoint.safetensors"
"""Name of the checkpoint in a run's folder."""


def home() -> Path:
    """Return the home folder: `S2S_HOME`, else `.s2s/` next to the package. It may not exist."""
    path = os.environ.get("S2S_HOME")
    return Path(path).expanduser().resolve() if path else Path(__file__).parents[1] / ".s2s"


def make_folder(folder: Path) -> None:
    """Create a folder. If it is in the home, and the home is missing, create a private home first.

    An existing home keeps its mode: it may be shared on purpose.
    """
    if folder.is_relative_to(home()):
        home().parent.mkdir(parents=True, exist_ok=True)
        home().mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)


def is_open_to_others() -> bool:
    """Return whether the home's mode gives other users of this machine access."""
    return os.name == "posix" and home().exists() and bool(home().stat().st_mode & 0o077)


def corpora_folder() -> Path:
    """Return the folder of the prepared corpora."""
    return home() / "corpora"


def run_folder(run_id: int) -> Path:
    """Return the folder of a run's files."""
    return home() / "runs" / str(run_id)


def folder_bytes(folder: Path) -> int:
    """Return the total bytes of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # removed meanwhile
            total += path.stat().st_size if path.is_file() else 0
    return total
