"""Runs: training, records, checkpoints, resuming and export."""
