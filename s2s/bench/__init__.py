"""The bench: step times of engines, precisions and batch sizes in interleaved rounds."""
