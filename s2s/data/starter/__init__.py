"""The built-in corpus: English and French sentence pairs, both sides grown from one grammar.

A sentence begins as one of the patterns in `grammar`. A pattern draws words that go together, and
builds both sides at once from the same features: who, which verb, which tense, denied or not.
English follows from French by rule, so that a small model can learn it: the passé composé is
always a simple past, the imparfait of an action always "was doing", the présent of an action
always "is doing" unless it is said to be a habit.
"""

from s2s.data.starter.generate import starter_pairs

__all__ = ["starter_pairs"]
