"""What a sandbox sees of the machine."""

import os
import subprocess
import sys
from types import ModuleType

import pytest

from autograder.cli.machine import bubblewrap_works
from autograder.grader.inside.notebook import readable
from autograder.grader.view import bubblewrap
from autograder.grader.zygotes import USERS

as_root = pytest.mark.skipif(
    not bubblewrap_works() or os.geteuid() != 0, reason="needs bubblewrap, and a user who can become another"
)


@as_root
def test_a_student_reads_a_python_whose_folder_is_only_its_owners(monkeypatch, tmp_path):
    """`mktemp -d` and a home folder have mode 0700: modules that load late had been missing inside."""
    private = tmp_path / "environment"
    (private / "lib").mkdir(parents=True)
    (private / "lib" / "late.py").write_text("here", encoding="utf-8")
    private.chmod(0o700)
    monkeypatch.setattr(sys, "exec_prefix", str(private))
    program = f"import os; os.setuid({USERS[0]}); print(open({str(private / 'lib' / 'late.py')!r}).read())"
    python = os.path.realpath(sys.executable)
    done = subprocess.run(
        [*bubblewrap(tmp_path), python, "-c", program], capture_output=True, text=True, env={}
    )
    assert done.stdout == "here\n", done.stderr


@as_root
def test_a_python_that_students_cannot_read_is_told_in_one_sentence(monkeypatch, tmp_path):
    closed = ModuleType("numpy")
    closed.__file__ = str(tmp_path / "numpy.py")
    (tmp_path / "numpy.py").touch()
    monkeypatch.setattr(os, "__file__", "/etc/passwd")  # a file that everyone can read
    monkeypatch.setitem(sys.modules, "numpy", closed)
    readable()  # root may
    child = os.fork()
    if child == 0:
        tmp_path.chmod(0o700)
        os.setuid(USERS[0])
        try:
            readable()
        except PermissionError as error:
            os._exit(7 if f"can't read {tmp_path}: chmod -R o+rX" in str(error) else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
