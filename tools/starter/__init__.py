"""The grammar that generates the starter corpus: English and French sentence pairs.

A sentence starts from one of the patterns in `grammar`. A pattern draws words that fit together and
builds both sides at once from the same features: person, verb, tense, negation. English follows
from French by rule, so that a small model can learn it: the passé composé is always a simple past,
the imparfait of an action always "was doing", the présent of an action always "is doing" unless the
sentence says that it is a habit.

`python -m tools.starter` writes the pairs to `s2s/data/starter.tsv.gz`.
"""
