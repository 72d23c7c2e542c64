"""Sentences and tables made of the numbers of `s2s.analysis`."""
