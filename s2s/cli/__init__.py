"""Command line: one file per group of commands. Commands import torch and scipy when needed."""
