"""Background threads of the dashboard: the run queue, sweeps, and estimates."""
