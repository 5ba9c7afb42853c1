"""Bars as they come in: files, columns, ranges of time, and which bars are bad."""
