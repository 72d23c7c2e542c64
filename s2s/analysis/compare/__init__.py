"""Numbers of several runs side by side."""
