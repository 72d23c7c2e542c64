"""Sentences and tables that present the results of `s2s.analysis`."""
