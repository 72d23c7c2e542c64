"""What makes the translator fast: packed GRU, compiled kernels, chunked projection, CUDA graphs."""
