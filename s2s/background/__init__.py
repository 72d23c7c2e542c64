"""What the dashboard does in background threads: the run queue, sweeps, and estimates."""
