"""Analysis of a sweep over batch sizes."""
