"""Training of any task: the loop, optimizers, checkpoints, device, timing, gradient norms."""
