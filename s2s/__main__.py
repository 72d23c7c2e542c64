"""`python -m s2s`."""

import gc
import io
import sys

from s2s.cli import main
from s2s.threads import spin_briefly

# Whatever the locale, and with no sentence on which it fails.
for stream in (sys.stdin, sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
spin_briefly()
code = main()
gc.freeze()  # the interpreter's own last collections take seconds beside torch
sys.exit(code)
