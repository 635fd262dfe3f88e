"""Run the hostile suite as an ordinary user, whose sandboxes live in a user namespace.

    sudo python tests/hostile/as_user.py [pytest's arguments]

Root's sandboxes use another user id, an ordinary user's have only namespaces: both ways have to hold. The script
copies what the tests need to a folder that anyone can read and runs pytest there as `--uid` (default 65534).
Somebody who isn't root runs pytest itself.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("autograder", "edu_edit", "solutions", "lessons", "tests", "pyproject.toml", "README.md")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uid", type=int, default=65534, help="the user to become")
    own, arguments = parser.parse_known_args()
    if os.geteuid() != 0:
        parser.error("only root can become another user; run pytest itself")
    with tempfile.TemporaryDirectory(prefix="hostile-") as place:
        copy, home = Path(place) / "course", Path(place) / "home"
        home.mkdir()
        copy.mkdir()
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / part)
        subprocess.run(["chmod", "-R", "a+rX", place], check=True)
        os.chown(home, own.uid, own.uid)
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8",
            "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/hostile",
            *arguments,
        ]
        return subprocess.run(
            command, cwd=copy, env=environment, user=own.uid, group=own.uid, extra_groups=[]
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
