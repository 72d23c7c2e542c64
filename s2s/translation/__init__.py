"""The built-in task: a GRU translator, its training engines, its evaluation and its use."""
