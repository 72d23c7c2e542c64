"""The machine: GPUs, processor, interference by other programs, and the roofline of a step."""
