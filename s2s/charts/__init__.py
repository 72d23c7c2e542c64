"""Plotly figures over what analysis returns."""
