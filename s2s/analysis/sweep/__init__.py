"""Numbers of a sweep over batch sizes."""
