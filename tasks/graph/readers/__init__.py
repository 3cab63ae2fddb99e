"""Readers of public data sets and of own files."""
