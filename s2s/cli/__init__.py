"""The command line, `python -m s2s`: a file per group of commands; torch, scipy load late."""
