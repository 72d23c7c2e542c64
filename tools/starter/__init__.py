"""The grammar that the starter corpus comes from: English and French sentence pairs.

A sentence begins as one of the patterns in `grammar`. A pattern draws words that go together, and
builds both sides at once from the same features: person, verb, tense, negation. English follows
from French by rule, so that a small model can learn it: the passé composé is always a simple past,
the imparfait of an action always "was doing", the présent of an action always "is doing" unless it
is said to be a habit.

`python -m tools.starter` writes the pairs to `s2s/data/starter.tsv.gz`.
"""
