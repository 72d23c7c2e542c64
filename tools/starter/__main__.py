"""Generate the pairs of the starter corpus and write them into the package."""

import gzip

from s2s.data.catalog import STARTER_FILE
from tools.starter.generate import starter_pairs


def main() -> None:
    """Write the file, unless it already contains these pairs."""
    text = "".join(f"{english}\t{french}\n" for english, french in starter_pairs()).encode("utf-8")
    if STARTER_FILE.exists() and gzip.decompress(STARTER_FILE.read_bytes()) == text:
        # Another zlib may compress the same pairs to other bytes, which identify the corpus.
        print(f"{STARTER_FILE.name} is up to date.")
        return
    # GzipFile writes the same header everywhere; gzip.compress leaves it to zlib.
    with (
        STARTER_FILE.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as compressed,
    ):
        compressed.write(text)
    print(f"{STARTER_FILE.name}: {STARTER_FILE.stat().st_size:,} bytes.")


if __name__ == "__main__":
    main()
