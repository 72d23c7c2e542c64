"""A real disk of a few megabytes, for the tests of full disks."""

from pathlib import Path


class SmallDisk:
    """Is filled as by somebody else, and freed again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "somebody-elses.bin"

    def fill(self) -> None:
        """To the last byte."""
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
        """Names that begin with a dot, which only temporary files do."""
        return [str(path) for path in self.folder.rglob(".*")]
