"""Installs the built wheel alone in a fresh environment and labels with it, far from the checkout.

Run as `python tests/smoke.py DIST`. With `--without-dependencies` it borrows those of the Python
that runs it, which takes seconds.
"""

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def installed(wheel: Path, folder: Path, *, alone: bool) -> tuple[Path, Path]:
    """The Python and the folder of programs of a place where the wheel is installed."""
    if alone:
        venv.create(folder / "venv", symlinks=os.name != "nt", with_pip=True)
        programs = folder / "venv" / "bin"
        python, how = programs / "python", []
    else:
        programs = folder / "borrowed" / "bin"
        python, how = Path(sys.executable), ["--no-deps", "--target", str(programs.parent)]
        os.environ["PYTHONPATH"] = str(programs.parent)
    install = [str(python), "-m", "pip", "install", "--quiet", *how, str(wheel)]
    subprocess.run(install, cwd=folder, check=True)
    return python, programs


def main(dist: Path, *, alone: bool) -> None:
    """Fail loudly where the wheel lacks something that the checkout has."""
    (wheel,) = dist.resolve().glob("*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".sql")}
    there = {f"duck_label/{path.relative_to(ROOT)}" for path in (ROOT / "sql").rglob("*.sql")}
    if shipped != there:
        raise SystemExit(f"SQL files in the wheel and the tree differ: {shipped ^ there}")
    with tempfile.TemporaryDirectory() as folder:
        python, programs = installed(wheel, Path(folder), alone=alone)
        place = f"import duck_label; assert {Path(folder).name!r} in duck_label.__file__"
        run = [str(python), "-m"]
        steps = (
            [str(python), "-c", place],
            [*run, "duck_label", "--version"],
            [*run, "duck_label", "sample", "bars.parquet", "--days", "1"],
            [*run, "duck_label", "run", "bars.parquet", "--output", "labels", "--quiet", "--json"],
            [*run, "duck_label", "sql", "labels", "@win_rates"],
            [str(programs / "duck-label"), "config", "--json"],
        )
        for step in steps:
            subprocess.run(step, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        if not list((Path(folder) / "labels").glob("*.parquet")):
            raise SystemExit("the installed wheel labeled nothing")
    print(f"{wheel.name}: {len(shipped)} SQL files; installed, it labels")


if __name__ == "__main__":
    main(Path(sys.argv[1]), alone="--without-dependencies" not in sys.argv)
