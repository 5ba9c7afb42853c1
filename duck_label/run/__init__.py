"""A run: from bars to labels, chunk after chunk."""
