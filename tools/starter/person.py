"""The six grammatical persons, which number the forms of a verb in both languages."""

ME, YOU, THIRD, WE, YOU_ALL, THEY = range(6)
"""I, you (tu), he or she, we, you (vous), they."""
