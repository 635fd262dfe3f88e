"""`edu-edit` teaches what it can do, at once."""

import subprocess
import sys

import pytest

COMMANDS = (
    "demo",
    "doctor",
    "start",
    "check",
    "hint",
    "progress",
    "build",
    "grade",
    "moments",
    "compare",
    "cite",
    "world",
)


def test_help_answers_without_importing_torch():
    heavy = "{'torch', 'transformers', 'nbgrader', 'jupyterlab'}"
    code = f"import sys, autograder.cli; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_help_lists_every_command(run, words):
    result = run("--help")
    assert result.exit_code == 0
    assert all(f" {command} " in words(result.stdout) for command in COMMANDS)


@pytest.mark.parametrize("command", [*COMMANDS, "world train", "world bundle", "world report"])
def test_every_command_explains_itself(run, words, command):
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert len(words(result.stdout)) > 200


def test_version_is_the_distribution_s(run):
    assert run("--version").stdout.startswith("edu-edit 0.")


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["start", "5", "--nonsense"], ["hint"], ["world", "nonsense"]]
)
def test_wrong_usage_ends_with_two(run, arguments):
    assert run(*arguments).exit_code == 2
