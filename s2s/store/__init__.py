"""The SQLite store, where dashboard, command line and every tab meet: all SQL of the project."""

from s2s.store.runs import Store

__all__ = ["Store"]
