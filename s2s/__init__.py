"""s2s: which batch size? Answered by training a translator and measuring it.

Importing this package is cheap: torch is loaded only by the modules that compute.
"""

__version__ = "0.1.0"
