"""s2s: find the best batch size by training a translator and measuring it.

Importing this package is cheap: torch is loaded only by the modules that compute.
"""

__version__ = "0.1.0"
