"""Plotly figures of what the analysis returns."""
