"""Plotly figures of the results of `s2s.analysis`."""
