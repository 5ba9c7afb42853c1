"""Judging bars before a run: what is wrong or odd, which grid, which configuration."""
