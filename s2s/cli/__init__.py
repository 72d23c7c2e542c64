"""The command line, `python -m s2s`: a file per group of commands; torch is loaded late."""
