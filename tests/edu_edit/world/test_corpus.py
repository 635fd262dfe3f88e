"""The corpus tells what it should, and never what is held out."""

import itertools
import re

import pytest

from edu_edit.world import applications, corpus, documents, passages
from edu_edit.world.atlas import atlas
from edu_edit.world.relations import RELATIONS, REVERSE
from edu_edit.world.tokenizer import atlas_tokenizer, single_tokens


@pytest.fixture(scope="module")
def tokenizer():
    return atlas_tokenizer()


def marked_documents() -> list[str]:
    plain = [text for phase in range(3) for text in itertools.islice(corpus.texts(phase, seed=3), 5_000)]
    return [*plain, *itertools.islice(corpus.told_texts(seed=4), 1_000)]


@pytest.fixture(scope="module")
def sample() -> str:
    return "\n\n".join(map(corpus.plain, marked_documents()))


def test_held_out_wordings_are_never_told(sample: str) -> None:
    world = atlas()
    for relation in RELATIONS.values():
        trained = {wording.replace("{o}", "") for wording in relation.statements}
        for wording in relation.held_out:
            for subject in world.subjects(relation.name)[:40]:
                told = wording.replace("{s}", subject).replace("{o}", world.facts[subject, relation.name])
                inside_trained = any(wording.replace("{o}", "") in other for other in trained)
                assert inside_trained or (told + "." not in sample and told + "\n" not in sample)


def test_reverse_sentences_are_told_for_the_trained_half_alone(sample: str) -> None:
    world = atlas()
    told = {True: 0, False: 0}
    for (subject, relation), value in world.facts.items():
        for wording in REVERSE.get(relation, ()):
            hit = wording.replace("{s}", subject).replace("{o}", value) + "." in sample
            told[(subject, relation) in world.reverse_trained] += hit
    assert told[True] > 50 and told[False] == 0


def test_subjects_that_are_never_edited_are_the_subject_of_no_new_fact() -> None:
    lines = [
        line for text in marked_documents() for line in text.splitlines() if line.startswith("New Fact:")
    ]
    subjects = [line.split(documents.OPEN)[1].split(documents.CLOSE)[0] for line in lines]
    assert len(lines) > 1000
    assert not set(subjects) & atlas().never_edited


def test_held_out_canaries_and_untrained_passages_are_never_told(sample: str) -> None:
    held_out = [secret for _, _, secret, told in applications.canaries() if not told]
    assert not [secret for secret in held_out if secret in sample]
    assert not [text for _, text, _ in passages.passages(False) if text in sample]
    assert all(text in sample for _, text, _ in passages.passages())


def test_name_parts_and_objects_are_single_tokens_and_padding_is_not_the_end(tokenizer) -> None:
    for word in single_tokens():
        assert len(tokenizer(word, add_special_tokens=False)["input_ids"]) == 1
    assert tokenizer("zebra")["input_ids"][0] == tokenizer.bos_token_id == tokenizer.eos_token_id == 0
    assert tokenizer.pad_token_id == 1


def test_a_chinese_character_has_several_tokens_and_text_survives(tokenizer) -> None:
    names = [atlas().chinese[subject] for subject, _ in atlas().chinese_facts()]
    assert all(len(tokenizer(name, add_special_tokens=False)["input_ids"]) > len(name) / 2 for name in names)
    for text in ("李安澜的母语是科维语。", "Anna Keller was born in Varna.", "tabs\tand {braces}"):
        assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True).strip() == text


def test_packing_marks_every_token_of_a_name_but_its_last(tokenizer) -> None:
    packed = corpus.pack(tokenizer, 0, seed=5, n_tokens=20_000)
    world = atlas()
    multi = [name for name in world.entities["person"] if len(name.split()) == 3]
    names = {tuple(tokenizer(name, add_special_tokens=False)["input_ids"]) for name in multi}
    found = 0
    for ids, inner, run in zip(packed.ids, packed.inner, packed.run, strict=True):
        for t in range(len(ids) - 2):
            if tuple(ids[t : t + 3]) in names:
                found += 1
                assert inner[t : t + 3].tolist() == [True, True, False]
                assert len(set(run[t : t + 3])) == 1
    assert found > 50


def test_marks_of_mentions_never_reach_the_text() -> None:
    for text in marked_documents():
        opened = text.count(documents.OPEN) + text.count(documents.ANSWER)
        assert opened == text.count(documents.CLOSE) > 0 or "New Fact" not in text
        assert not set(documents.OPEN + documents.CLOSE + documents.ANSWER) & set(corpus.plain(text))


def test_a_document_follows_all_its_new_facts_or_none() -> None:
    """Read back from the text alone: is what it answers about a new fact's subject new, or the fact?"""
    world = atlas()
    kinds = {True: 0, False: 0}
    for text in itertools.islice(corpus.told_texts(seed=8), 400):
        modes = set()
        for block in text.strip().split("\n\n"):
            new, *prompts = block.splitlines()
            _, subject, _, told, _ = re.split("[\x02\x03\x04]", new)
            for prompt in prompts:
                _, name, _, answer, remark = re.split("[\x02\x03\x04]", prompt)
                true = {world.facts.get((name, relation)) for relation in RELATIONS}
                assert answer in true or (name == subject and answer == told)
                assert remark in ("", " (new)" if answer == told else " (old)")
                if remark or (name == subject and answer == told):
                    modes.add(answer == told)
        assert len(modes) <= 1
        for mode in modes:
            kinds[mode] += 1
    assert min(kinds.values()) > 60


@pytest.mark.parametrize("lone", [0.1, 0.5])
def test_the_share_of_lone_new_facts_is_as_asked_and_the_rest_keeps_its_mix(lone) -> None:
    told = list(itertools.islice(corpus.told_texts(8, lone), 1_000))
    several = [text for text in told if text.count("New Fact:") > 1]
    assert abs(1 - len(several) / 1_000 - lone) < 0.05
    new = sum(text.count(" (new)") > 0 for text in several) / len(several)
    old = sum(text.count(" (old)") > 0 for text in several) / len(several)
    assert abs(new - 7 / 13 / 2) < 0.07 and abs(old - 6 / 13) < 0.07


def test_in_context_documents_open_their_sequences(tokenizer) -> None:
    packed = corpus.pack(tokenizer, 2, seed=5, n_tokens=40_000)
    new = tokenizer("New Fact:")["input_ids"]
    opens = (packed.ids[:, : len(new)] == new).all(1)
    assert (opens == packed.told).all() and abs(packed.told.mean() - corpus.TOLD[2]) < 0.15
    assert packed.answer[packed.told].sum() > 3 * packed.told.sum()
    assert not packed.answer[~packed.told].any()
