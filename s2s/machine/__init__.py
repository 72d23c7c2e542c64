"""Readings of the machine: GPUs, processor, memory, disk, and load from other programs."""
