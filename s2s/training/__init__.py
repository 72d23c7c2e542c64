"""The training loop, its engines, optimizers, checkpoints and evaluation."""
