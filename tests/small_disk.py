"""A real disk of a few megabytes, for the tests of full disks."""

from pathlib import Path


class SmallDisk:
    """A disk that another program fills and frees."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "other-program.bin"

    def fill(self) -> None:
        """Fill it to the last byte."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (2**20, 2**10, 1):
                try:
                    while file.write(b"\0" * size) == size:
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        self._filler.unlink()

    def files(self) -> list[str]:
        """Return its temporary files, whose names begin with a dot."""
        return [str(path) for path in self.folder.rglob(".*")]
