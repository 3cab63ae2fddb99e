"""Readers of public speech corpora and of a user's own recordings."""
