"""Values worth starting from, found by a few steps of training: a learning rate, a size of batches."""
