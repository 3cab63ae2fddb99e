"""Beam search with CTC prefix scores and an n-gram language model, and CTC alignment."""
