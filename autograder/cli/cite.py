"""`edu-edit cite`: the paper behind a method, ready to paste."""

import re
from importlib.resources import files
from typing import Annotated

import typer

from autograder.cli.errors import BadInput

OURS = """@software{edu_edit,
  title  = {edu-edit: knowledge editing of language models, built by hand},
  author = {{The edu-edit authors}},
  year   = {2026}
}"""
# The key in papers.bib of each method, and of what is taken from its paper.
KEYS = {
    "rome": "meng2022locating", "causal_trace": "meng2022locating", "counterfact": "meng2022locating",
    "finetune": "zhu2020modifying", "memit": "meng2023mass", "alphaedit": "fang2025alphaedit",
    "mend": "mitchell2022fast", "ke": "decao2021editing", "enn": "sinitsin2020editable",
    "tpatcher": "huang2023transformer", "calinet": "dong2022calibrating", "serac": "mitchell2022memory",
    "language_patch": "murty2022fixing", "grace": "hartvigsen2023aging", "ike": "zheng2023can",
    "anyedit": "jiang2025anyedit", "unke": "deng2024everything", "ffn": "geva2021transformer",
    "neurons": "dai2022knowledge", "depn": "wu2023depn", "detox": "geva2022transformer",
    "lsdm": "cai2024locating", "dama": "limisiewicz2024debiasing",
}  # fmt: skip


def entries() -> dict[str, str]:
    """The BibTeX entries of papers.bib by their keys."""
    text = files("edu_edit").joinpath("data", "papers.bib").read_text(encoding="utf-8")
    return {key: entry for entry, key in re.findall(r"(@\w+\{(\w+),\n.*?\n\})", text, re.DOTALL)}


def cite(
    method: Annotated[
        str, typer.Argument(help="A method, for example rome; or edu-edit for the course itself.")
    ] = "edu-edit",
) -> None:
    """Print the BibTeX entry of a method's paper, or of this course."""
    name = method.strip().lower()
    if name == "edu-edit":
        print(OURS)
    elif name in KEYS:
        print(entries()[KEYS[name]])
    else:
        raise BadInput(f"no entry for {method!r}; there are: edu-edit, {', '.join(KEYS)}")
