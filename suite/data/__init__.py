"""Where data comes from: local files, the canonical download, a package of the index; checked, cached, split."""
