"""`edu-edit forget`: delete what a graded class's folder holds of one student."""

from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.errors import BadInput


def forget(
    student: Annotated[str, typer.Argument(help="The student, as the class report names them.")],
    out: Annotated[Path, typer.Option(help="The folder that `edu-edit grade` wrote.")] = Path(
        "edu-edit-graded"
    ),
) -> None:
    """Delete all of one student's data: results, pages, copies, rows of the gradebook, and all exports.

    Exports and class reports hold everyone's rows: exports are deleted as well, and the next `edu-edit grade`
    makes both anew.
    """
    from autograder.grader.ledger import Ledger, LedgerBusy

    if not (out / "results").is_dir():
        raise BadInput(f"{out} is no folder that `edu-edit grade` wrote")
    try:
        with Ledger(out) as ledger:
            removed = ledger.forget(student)
    except LedgerBusy as error:
        raise BadInput(str(error)) from error
    if not removed:
        raise BadInput(f"{out} holds nothing of a student called {student!r}")
    for path in removed:
        print(path)
