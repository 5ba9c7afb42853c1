"""Installs the built wheel alone in a fresh environment and labels with it, far from the checkout.

Run as `python tests/smoke.py DIST`.
"""

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(dist: Path) -> None:
    """Fail loudly where the wheel lacks something that the checkout has."""
    (wheel,) = dist.resolve().glob("*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".sql")}
    there = {f"duck_label/{path.relative_to(ROOT)}" for path in (ROOT / "sql").rglob("*.sql")}
    if shipped != there:
        raise SystemExit(f"SQL files in the wheel and the tree differ: {shipped ^ there}")
    with tempfile.TemporaryDirectory() as folder:
        venv.create(Path(folder) / "venv", symlinks=os.name != "nt", with_pip=True)
        python = Path(folder) / "venv" / "bin" / "python"
        run = [str(python), "-m"]
        steps = (
            [*run, "pip", "install", "--quiet", str(wheel)],
            [*run, "duck_label", "--version"],
            [*run, "duck_label", "sample", "bars.parquet", "--days", "1"],
            [*run, "duck_label", "run", "bars.parquet", "--output", "labels", "--quiet", "--json"],
            [*run, "duck_label", "sql", "labels", "@win_rates"],
            [str(python.with_name("duck-label")), "config", "--json"],
        )
        for step in steps:
            subprocess.run(step, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        if not list((Path(folder) / "labels").glob("*.parquet")):
            raise SystemExit("the installed wheel labeled nothing")
    print(f"{wheel.name}: {len(shipped)} SQL files; installed, it labels")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
