"""Corpora: files, download, text, vocabulary, preparation, batches, statistics."""
