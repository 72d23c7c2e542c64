"""Programs that measure s2s: run each by `python -m benchmarks.NAME`."""
