"""Corpora: reading, downloading, preparing and storing them, batches, and statistics."""
