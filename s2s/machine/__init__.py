"""The machine: GPUs, processor, memory, and interference by other programs."""
