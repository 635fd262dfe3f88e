"""`edu-edit cite`: the paper behind a method, ready to paste."""

from typing import Annotated

import typer

from autograder.cli.errors import BadInput

ROME = """@inproceedings{meng2022locating,
  title     = {Locating and Editing Factual Associations in {GPT}},
  author    = {Meng, Kevin and Bau, David and Andonian, Alex and Belinkov, Yonatan},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {35},
  year      = {2022}
}"""
FINETUNE = """@article{zhu2020modifying,
  title   = {Modifying Memories in Transformer Models},
  author  = {Zhu, Chen and Rawat, Ankit Singh and Zaheer, Manzil and Bhojanapalli, Srinadh and
             Li, Daliang and Yu, Felix and Kumar, Sanjiv},
  journal = {arXiv preprint arXiv:2012.00363},
  year    = {2020}
}"""
OURS = """@software{edu_edit,
  title  = {edu-edit: knowledge editing of language models, built by hand},
  author = {{The edu-edit authors}},
  year   = {2026}
}"""
PAPERS = {"edu-edit": OURS, "rome": ROME, "causal_trace": ROME, "counterfact": ROME, "finetune": FINETUNE}


def cite(
    method: Annotated[
        str, typer.Argument(help="A method, for example rome; or edu-edit for the course itself.")
    ] = "edu-edit",
) -> None:
    """Print the BibTeX entry of a method's paper, or of this course."""
    try:
        print(PAPERS[method.strip().lower()])
    except KeyError:
        raise BadInput(f"no entry for {method!r}; there are: {', '.join(PAPERS)}") from None
