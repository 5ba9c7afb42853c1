"""`python -m duck_label` is `duck-label`."""

from duck_label.cli import main

main(prog_name="duck-label")
