"""Analysis behind a recommended batch size."""
