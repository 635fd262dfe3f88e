"""Loading a model: one bundled with the library, a local folder, or one from the Hugging Face hub."""

import difflib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as hf_logging

from edu_edit.lm import FAMILIES, LM

BUNDLED = Path(__file__).parent / "models"
# Old names of the hub that have no organisation; every other hub name is "organisation/model".
HUB_CLASSICS = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "distilgpt2")


def bundled_names() -> list[str]:
    """The models that come with the library."""
    return sorted(path.parent.name for path in BUNDLED.glob("*/config.json"))


def load(
    name: str | Path = "atlas-gpt2",
    dtype: torch.dtype = torch.float32,
    device: str | torch.device | None = None,
    device_map: Any = None,
) -> LM:
    """Load a model in evaluation mode: a bundled name, a local folder, or a hub name.

    Hub names look like gpt2-xl or organisation/model. Only a hub name may touch the network. device: where
    the model goes, None = CPU. device_map: passed to transformers, for models that outgrow one device; it
    needs the package accelerate. Raises ValueError in one sentence for an unknown name, an incomplete folder,
    another architecture.
    """
    if device is not None and device_map is not None:
        raise ValueError(
            "Give device or device_map, not both: device_map already says where every part goes."
        )
    if device_map is not None and find_spec("accelerate") is None:
        raise ValueError(
            "device_map needs the package accelerate: pip install 'edu-edit[hub]', or leave device_map out."
        )
    source, folder = _source(str(name))
    options: dict[str, Any] = {"local_files_only": folder is not None, "trust_remote_code": False}
    weights: Any = AutoModelForCausalLM
    part = "config"
    with quiet(bars=folder is None):
        try:
            config = AutoConfig.from_pretrained(source, **options)
            if config.model_type not in FAMILIES:
                raise ValueError(f"{config.model_type!r} is not one of {', '.join(FAMILIES)}")
            part = "tokenizer"
            tok = AutoTokenizer.from_pretrained(source, **options)
            part = "weights"
            options |= {"dtype": dtype, "device_map": device_map, "ignore_mismatched_sizes": True}
            model, report = weights.from_pretrained(source, output_loading_info=True, **options)
        except Exception as error:  # transformers raises nearly every type there is for a bad folder
            raise ValueError(_sentence(str(name), folder, part, error)) from None
    lacking = [*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])]
    if lacking:
        raise ValueError(f"{name} is damaged: its weights lack the {lacking[0]} of its config; get it again.")
    if not tok.is_fast:
        raise ValueError(f"The tokenizer of {name} gives no character offsets: get its tokenizer.json.")
    return LM(model if device is None else model.to(device), tok, str(name), folder)


def _source(name: str) -> tuple[str, Path | None]:
    """What to hand to transformers, and the local folder if it is one."""
    if name in bundled_names():
        return str(BUNDLED / name), BUNDLED / name
    if name and Path(name).expanduser().is_dir():
        folder = Path(name).expanduser()
        if not (folder / "config.json").is_file():
            raise ValueError(
                f"The folder {name} is no model: it has no config.json; give the folder that has one."
            )
        return str(folder), folder
    if name in HUB_CLASSICS or re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", name):
        return name, None
    near = difflib.get_close_matches(name, [*bundled_names(), *HUB_CLASSICS], n=1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    raise ValueError(
        f"There is no model {name!r}{guess}: bundled are {', '.join(bundled_names()) or 'none'}; "
        "a folder or a hub name like organisation/model also works."
    )


def _sentence(name: str, folder: Path | None, part: str, error: Exception) -> str:
    reason = str(error).strip().split("\n")[0].split(". ")[0].rstrip(" .:") or type(error).__name__
    if folder is not None:
        return f"The {part} in the folder {name} can't be used ({reason}): get or export the model again."
    return f"The {part} of {name} can't be had from the Hugging Face hub ({reason}): check name and network."


@contextmanager
def quiet(bars: bool = False) -> Iterator[None]:
    """Keep the log lines of transformers off the screen, and its progress bars unless `bars` are wanted."""
    library: Any = hf_logging
    hub = logging.getLogger("huggingface_hub")
    level, hub_level, had_bars = library.get_verbosity(), hub.level, library.is_progress_bar_enabled()
    library.set_verbosity(logging.CRITICAL)
    hub.setLevel(logging.CRITICAL)
    if not bars:
        library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(level)
        hub.setLevel(hub_level)
        if had_bars:
            library.enable_progress_bar()
