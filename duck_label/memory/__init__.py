"""Memory: what a run may use, what it uses, and what is done where that is too much."""
