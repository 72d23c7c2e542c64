"""`python -m s2s`."""

import gc
import io
import sys

from s2s.cli.main import main
from s2s.threads import spin_briefly

for stream in (sys.stdin, sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # whatever the locale
spin_briefly()
code = main()
gc.freeze()  # the interpreter's last collections take seconds once torch is loaded
sys.exit(code)
