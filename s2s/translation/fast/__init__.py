"""Fast translator parts: packed GRU, compiled kernels, chunked output layer, CUDA graphs."""
