"""Draws docs/terminal.svg: runs the commands that it shows, and shows what they print."""

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

COMMANDS = (
    "duck-label sample bars.parquet --days 20",
    "duck-label run bars.parquet --output labels --memory-limit 1GB",
    "duck-label run bars.parquet --output labels --tick-size 0.5",
)


def transcript() -> str:
    """The commands and their output, in a folder of their own."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            program = [sys.executable, "-m", "duck_label", *command.split()[1:]]
            run = subprocess.run(
                program,
                cwd=folder,
                check=False,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            lines += [f"$ {command}", run.stdout.rstrip(), ""]
    return "\n".join(lines).rstrip()


def draw(text: str, path: Path) -> None:
    """Write a picture of a terminal that shows a text."""
    console = Console(record=True, width=100, file=io.StringIO())
    for line in text.splitlines():
        console.print(Text(line, style="bold" if line.startswith("$") else ""), soft_wrap=False)
    picture = console.export_svg(title="duck-label", unique_id="terminal")
    # The picture stands alone: whatever fixed-width font the reader has will do.
    path.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL))


if __name__ == "__main__":
    draw(transcript(), Path(__file__).with_name("terminal.svg"))
