"""The SQLite store, which dashboards and command lines share. All SQL of the project is here."""

from s2s.store.runs import Store

__all__ = ["Store"]
