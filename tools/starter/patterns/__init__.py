"""The sentence patterns, by subject."""
