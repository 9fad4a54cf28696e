"""A region: what to make for whom. The document, its settings, and where it is searched."""
