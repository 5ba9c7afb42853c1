"""Bars as they come in: files, columns, ranges of time; what is wrong or odd in them."""
