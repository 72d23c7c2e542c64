"""Entry point of `python -m s2s`."""

import gc
import io
import sys

from s2s.cli.main import main
from s2s.threads import limit_thread_spinning

# Use UTF-8 whatever the locale. Instead of failing, escape what cannot be encoded or decoded.
for stream in (sys.stdin, sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
limit_thread_spinning()
code = main()
# Exclude all objects so far from the collections at exit, which take seconds once torch is loaded.
gc.freeze()
sys.exit(code)
