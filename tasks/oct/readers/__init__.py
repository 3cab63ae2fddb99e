"""Readers of labelled scans: public data sets, and a user's own images."""
