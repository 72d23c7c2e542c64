"""The built-in task: a GRU translator, its engines, and what it can do once trained."""
