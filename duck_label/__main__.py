"""`python -m duck_label` is `duck-label`."""

import atexit
import gc

# Objects that may be made before Python looks for garbage among them; its own number is 700.
_OBJECTS = 100_000


def main() -> None:
    """Run the command of this process.

    Nearly all that a command makes, from the libraries it loads on, lasts until it ends. To search
    that for garbage again and again, and to take it apart at the end, is a tenth of a short run.
    """
    gc.set_threshold(_OBJECTS)
    atexit.register(gc.freeze)

    from duck_label.cli import main as command  # loads click

    command(prog_name="duck-label")


if __name__ == "__main__":
    main()
