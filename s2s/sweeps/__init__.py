"""Sweeps: one run per batch size, engine and repeat, and the memory that each size needs."""
