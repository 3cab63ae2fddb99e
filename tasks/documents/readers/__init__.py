"""Readers of labelled texts: public data sets, and a user's own tables."""
