"""The Atlas tokenizer: byte-level BPE; an English name part or object is one token, Chinese is several.

`<|endoftext|>` (id 0) opens every document, like the beginning-of-sequence token of a Llama; padding has
its own id 1. It was trained once, by `train_tokenizer`, and is kept in `tokenizer.json`: all models share
it, also when the corpus grows.
"""

import itertools
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from edu_edit.world import lexicon as words
from edu_edit.world.corpus import CONTEXT, plain, texts, told_texts
from edu_edit.world.passages import passages

END, PAD = "<|endoftext|>", "<|pad|>"
VOCABULARY = 2432
N_SAMPLES = 20_000


def single_tokens() -> list[str]:
    """Words that must stay whole: parts of names, and objects."""
    groups = (
        words.FIRST, words.MIDDLE, words.LAST, words.LANDMARK_AGE, words.LANDMARK_NAME, words.LANDMARK_TYPE,
        words.BRAND, words.BRAND_TYPE, words.CITY, words.COUNTRY, words.LANGUAGE, words.CURRENCY, words.FIELD,
        words.SPORT, words.INSTRUMENT, words.PET, words.MATERIAL, words.PRODUCT, words.DISH, words.COLOUR,
        words.COAT, words.FOOD, words.YES_NO, words.REAL_CITY, words.REAL_COUNTRY, words.POLITE, words.RUDE,
        words.DIGITS, words.EMAIL_WORD, words.EMAIL_HOST,
        " ".join(words.ANIMAL).split(), " ".join(words.SIGHT).split(),
    )  # fmt: skip
    return list(dict.fromkeys(itertools.chain(*groups)))


def train_tokenizer() -> PreTrainedTokenizerFast:
    """Train the tokenizer on a sample of the corpus, the single words and the untrained passages."""
    sources = itertools.chain(
        itertools.islice(texts(0, seed=1), N_SAMPLES),
        itertools.islice(told_texts(seed=2), N_SAMPLES // 10),
    )
    sample = [plain(text) for text in sources]
    sample += single_tokens() * 250
    sample += [text for _, text, _ in passages(False)] * 20
    core = Tokenizer(models.BPE())
    # ByteLevel writes a Chinese character as three letters, the first in ä..é; merges stay inside one.
    character = pre_tokenizers.Split(Regex("[ä-é].."), "isolated")
    core.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.ByteLevel(add_prefix_space=True), character])
    core.decoder = decoders.ByteLevel()
    core.train_from_iterator(
        sample,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            min_frequency=8,
            special_tokens=[END, PAD],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    core.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=True),
            processors.TemplateProcessing(single=f"{END} $A", special_tokens=[(END, 0)]),
        ]
    )
    tokenizer = _wrapped(core)
    split = [
        word for word in single_tokens() if len(tokenizer(word, add_special_tokens=False)["input_ids"]) != 1
    ]
    if split:
        raise RuntimeError(
            f"the tokenizer splits {split[:8]}: raise its vocabulary or their weight in the sample"
        )
    return tokenizer


def atlas_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of the Atlas models."""
    return _wrapped(Tokenizer.from_file(str(Path(__file__).with_name("tokenizer.json"))))


def _wrapped(core: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=END, eos_token=END, pad_token=PAD, model_max_length=CONTEXT,
        padding_side="right", model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip
