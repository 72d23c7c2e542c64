"""`python -m s2s`."""

import gc
import io
import sys

from s2s.cli.main import main
from s2s.threads import limit_spinning

# UTF-8 whatever the locale, and no text that cannot be printed.
for stream in (sys.stdin, sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
limit_spinning()
code = main()
gc.freeze()  # with torch loaded, the interpreter's last collections take seconds
sys.exit(code)
