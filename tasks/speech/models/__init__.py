"""Encoders, decoders and the recognizer that joins them."""
