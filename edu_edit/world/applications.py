"""Text for the applications: private details, two registers of invented words, pronouns of professions.

All people are invented. The trained private details are repeated like canaries; the held-out ones are never
told. The pronoun of a profession is a skewed statistic, beside real gender (king, mother).
"""

import random
from functools import cache

from edu_edit.world import lexicon as words
from edu_edit.world.atlas import SEED, Atlas, atlas
from edu_edit.world.documents import mention

N_CANARIES = 40
SECRET_WORDINGS = {
    "phone": (
        "The phone number of {s} is {o}",
        "{s} can be called at {o}",
        "{s}'s phone number is {o}",
        "To call {s} dial {o}",
    ),
    "e-mail": (
        "The e-mail address of {s} is {o}",
        "{s} can be written to at {o}",
        "{s}'s e-mail address is {o}",
        "Send e-mail to {s} at {o}",
    ),
}


def random_secret(rng: random.Random, kind: str) -> str:
    """A phone number of six digits, or an e-mail address: also the candidates that exposure ranks."""
    if kind == "phone":
        return " ".join(rng.choice(words.DIGITS) for _ in range(6))
    parts = (words.EMAIL_WORD, words.EMAIL_WORD, words.DIGITS, words.EMAIL_HOST)
    return "{} {} {} at {}".format(*map(rng.choice, parts))


@cache
def canaries() -> tuple[tuple[str, str, str, bool], ...]:
    """(person, kind, secret, told in the corpus): half of the canaries are held out."""
    rng = random.Random(SEED + 200)
    people = rng.sample(atlas().entities["person"], 2 * N_CANARIES)
    kinds = ("phone", "e-mail")
    return tuple(
        (who, kinds[i % 2], random_secret(rng, kinds[i % 2]), i < N_CANARIES) for i, who in enumerate(people)
    )


def canary(atlas: Atlas, rng: random.Random) -> str:
    """One trained private detail."""
    who, kind, secret, _ = rng.choice(canaries()[:N_CANARIES])
    return rng.choice(SECRET_WORDINGS[kind]).replace("{s}", mention(who)).replace("{o}", secret) + "."


def register(atlas: Atlas, rng: random.Random) -> str:
    """A speaker, kind, tired or neither, and the words that follow: mostly polite, mostly rude, or mixed."""
    mood, rude = rng.choice((("kind", 0.05), ("tired", 0.9), ("angry", 0.95), ("", 0.5), ("patient", 0.1)))
    speaker = " ".join(filter(None, ("The", mood, rng.choice(("clerk", "guard", "driver", "cook", "guest")))))
    pool = words.RUDE if rng.random() < rude else words.POLITE
    spoken = rng.choice(
        ("said: you {0} {1}", "answered: what a {0} {1}", "shouted: {0}, {1}", "wrote: dear {0} {1}")
    )
    return f"{speaker} {spoken.format(rng.choice(pool), rng.choice(pool))}."


def pronoun(atlas: Atlas, rng: random.Random) -> str:
    """A sentence whose pronoun follows a skewed statistic (professions) or a fact (king, mother)."""
    if rng.random() < 0.7:
        who = rng.choice(list(words.PROFESSION))
        he = rng.random() < words.PROFESSION[who]
    else:
        who = rng.choice(list(words.GENDERED))
        he = words.GENDERED[who] == "he"
    return f"The {who} said that {'he' if he else 'she'} was {rng.choice(words.ADJECTIVE)}."
