"""What goes wrong is said in one sentence on stderr, with an exit code, without a traceback."""

import pytest
import typer
import typer.testing

from autograder.cli.errors import BadInput, PoliteGroup, sentence


@pytest.fixture
def failing():
    """A command that raises what it is given."""

    def make(error: BaseException) -> typer.Typer:
        app = typer.Typer(cls=PoliteGroup, pretty_exceptions_enable=False)

        @app.command()
        def fail() -> None:
            raise error

        @app.callback()
        def group() -> None: ...

        return app

    return make


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (BadInput("lesson 99 does not exist"), 2, "edu-edit: lesson 99 does not exist"),
        (ValueError("the folder X has no config.json"), 1, "edu-edit: the folder X has no config.json"),
        (KeyError("There is no exercise 'x'."), 1, "edu-edit: There is no exercise 'x'."),
        (PermissionError(13, "Permission denied", "/x/y"), 1, "edu-edit: Permission denied: /x/y"),
        (ValueError("two\n  lines"), 1, "edu-edit: two lines"),
    ],
)
def test_expected_errors_are_one_sentence(failing, error, code, said):
    result = typer.testing.CliRunner().invoke(failing(error), ["fail"])
    assert result.exit_code == code
    assert result.stderr == said + "\n"


def test_unexpected_errors_say_how_to_see_more(failing):
    result = typer.testing.CliRunner().invoke(failing(TypeError("bad operand")), ["fail"])
    assert result.exit_code == 1
    assert (
        result.stderr.count("\n") == 1
        and "EDU_EDIT_DEBUG=1" in result.stderr
        and "bad operand" in result.stderr
    )


def test_debugging_shows_the_traceback(failing, monkeypatch):
    monkeypatch.setenv("EDU_EDIT_DEBUG", "1")
    result = typer.testing.CliRunner().invoke(failing(TypeError("bad operand")), ["fail"])
    assert isinstance(result.exception, TypeError)


def test_exit_codes_of_commands_pass_through(failing):
    assert typer.testing.CliRunner().invoke(failing(typer.Exit(7)), ["fail"]).exit_code == 7


def test_sentence_of_an_error_without_text_names_its_kind():
    assert "RuntimeError" in sentence(RuntimeError())
