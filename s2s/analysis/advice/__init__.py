"""Numbers behind a recommended batch size."""
