"""Every concept of the source texts has its home: the lesson that is to name it does."""

import re

import pytest

from autograder.build.source import lesson_slugs, read_lesson
from autograder.exercises import LESSONS

# Written as a reader may find them; a vertical bar separates spellings.
HOMES = {
    "01_model": (
        "bias, toxic, wrong knowledge|wrong fact, tuple|triple, residual stream, QK, OV, thought "
        "stamp|thought seal"
    ),
    "02_metrics": (
        "definition 5.1, knowledge model editing|KME, knowledge editing|KE, model editing|ME, "
        "accuracy, generality, portability, locality, efficiency, reliability, paraphrase, reverse, "
        "reasoning, entity swap|swap, table 5.1, zsRE, CounterFact, catastroph, post-training, "
        "PEFT|parameter-efficient, FT-L"
    ),
    "03_memory": (
        "key-value, experiment 1|first experiment, experiment 2|second experiment, trigger, knowledge "
        "neuron, integrated gradients, gate"
    ),
    "04_tracing": (
        "clean run, corrupted run, restored, causal effect|indirect effect, early site, late site, "
        "sever, hypothesis, swap|interchange"
    ),
    "05_rome": "k_*, v_*, 5.15, 5.16, 5.17, 5.18, 5.19, 5.20, 5.21, rank-one, closed form|write down",
    "06_memit": "MEMIT, AlphaEdit, null space, batch, sequen, hypernetwork",
    "07_mend": (
        "meta-knowledge|meta knowledge, bilevel|bi-level, 5.5, ENN, KE, MEND, hypernetwork, "
        "parameter, edit data|edit set, keep data|keep set, test phase|testing phase, rank "
        "one|rank-one"
    ),
    "08_patches": "T-Patcher, CaliNET, adapter, 5.7, 5.8, 5.12, 5.14",
    "09_caches": (
        "gate, cache, inference module|reader, SERAC, language patch, regular expression, "
        "classification, noise-contrastive, GRACE, codebook, deferral radius"
    ),
    "10_ike": "IKE, stubborn, copy, update, retain, demonstration",
    "11_anyedit": (
        "AnyEdit, UnKE, window, sentence, mutual information, chain rule, code, UnKEBench, AKEW, "
        "EditEverything"
    ),
    "12_compare": "table 5.2, taxonom, KnowEdit, internal, external",
    "13_uses": "Gemini, right to be forgotten, GDPR, Nasr, DEPN, detox, bomb, LSDM, DAMA",
}
WRITTEN = lesson_slugs()


def test_every_lesson_is_home_to_some_concepts():
    assert list(HOMES) == [lesson.name for lesson in LESSONS]


@pytest.mark.parametrize(
    ("slug", "concept"), [(slug, concept) for slug in WRITTEN for concept in HOMES[slug].split(", ")]
)
def test_a_concept_is_named_in_its_home(slug, concept):
    prose = "\n".join(cell.source for cell in read_lesson(slug).cells if cell.cell_type == "markdown")
    spellings = [re.escape(spelling) for spelling in concept.split("|")]
    assert re.search("|".join(spellings), prose, re.IGNORECASE), f"{concept} is not named in {slug}"
