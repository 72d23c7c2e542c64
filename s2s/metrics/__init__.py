"""Readings of the machine and of translation quality."""
