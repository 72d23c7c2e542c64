"""Sweeps: runs over batch sizes, engines and repeats, and the memory that each size takes."""
