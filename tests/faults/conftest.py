"""Fixtures of the fault tests: small disks and read-only folders."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from s2s.paths import home

Mount = Callable[..., Path]


class SmallDisk:
    """A real disk of a few megabytes that another program fills and frees."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "other-program.bin"

    def fill(self) -> None:
        with self._filler.open("ab", buffering=0) as file:
            for size in (2**20, 2**10, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"\0" * size) == size:
                        pass

    def free(self) -> None:
        self._filler.unlink()

    def list_temporary_files(self) -> list[Path]:
        return [*self.folder.rglob(".*")]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """`mount(folder, "-t", "tmpfs", ...)` as root, until the end of the test."""
    mounted: list[tuple[list[str], Path]] = []

    def mount_(folder: Path, *options: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        try:
            subprocess.run([*sudo, "mount", *options, str(folder)], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no disk can be mounted here: {error}")
        if not any("remount" in option for option in options):
            mounted.append((sudo, folder))
        return folder

    yield mount_
    for sudo, folder in reversed(mounted):
        subprocess.run([*sudo, "umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small_disk(mount: Mount) -> SmallDisk:
    owner = f"uid={os.getuid()},mode=700"
    return SmallDisk(mount(home(), "-t", "tmpfs", "-o", f"size=24m,{owner}", "tmpfs"))


@pytest.fixture
def read_only(mount: Mount) -> Callable[[Path], Path]:
    """`read_only(folder)`: from now on nobody can write there, not even root."""

    def make(folder: Path) -> Path:
        mount(folder, "--bind", str(folder))
        return mount(folder, "-o", "remount,ro,bind", str(folder))

    return make
