"""Corpora: text, files, download, vocabulary, encoding, batches."""
