"""Numbers of one run."""
