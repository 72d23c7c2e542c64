"""Training one run: execution, records, checkpoints, resuming, export."""
