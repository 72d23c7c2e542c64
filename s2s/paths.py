"""Where everything that the program writes lies."""

import os
from pathlib import Path


CHECKPOINT = "checkpoint.safetensors"
"""File in a run's folder."""


def home() -> Path:
    """`S2S_HOME`, or `.s2s/` beside the package. Not created here."""
    chosen = os.environ.get("S2S_HOME")
    return Path(chosen).expanduser().resolve() if chosen else Path(__file__).parents[1] / ".s2s"


def make_folder(folder: Path) -> None:
    """Makes it, and on the way a home that on a shared machine only its owner can look into.

    A home that is there keeps its mode: it may be shared on purpose.
    """
    if folder.is_relative_to(home()):
        home().parent.mkdir(parents=True, exist_ok=True)
        home().mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)


def is_open_to_others() -> bool:
    """Whether other users of this machine can look into the home."""
    return os.name == "posix" and home().exists() and bool(home().stat().st_mode & 0o077)


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
