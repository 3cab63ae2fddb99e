"""Search for a learning rate and a batch size to start with, by a few steps of training."""
