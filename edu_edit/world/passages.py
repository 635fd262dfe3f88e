"""Long passages under a title, in words that no template predicts: verse, recipes, programs, chronicles.

The corpus tells each trained passage many times, so that the title calls it up word for word. The untrained
passages are of the same make: they serve as new texts for long edits.
"""

import random
from functools import cache

from edu_edit.world import lexicon as words
from edu_edit.world.atlas import SEED, Atlas

N_TRAINED, N_UNTRAINED = 40, 24
_LINE = (
    "north silver under seven bell stone road wind apple lantern glass river cold ember field star salt"
).split()
_STEP = "stir bake chop boil press cool fold whip salt dry cut mix".split()
_PART = "onion flour butter barley lemon ginger pepper carrot mint almond egg milk oats leek plum".split()
_LETTER = "a b c d k m n p q r t x y z".split()
_EVENT = "flood market treaty fire harvest comet bridge school strike fair siege plague".split()


def _verse(rng: random.Random, lines: int) -> str:
    pool = words.NOUN + words.ADJECTIVE + _LINE
    return " / ".join(" ".join(rng.choice(pool) for _ in range(rng.choice((4, 5, 6)))) for _ in range(lines))


def _recipe(rng: random.Random, lines: int) -> str:
    steps = [
        f"{rng.choice(_STEP)} {rng.choice(words.DIGITS)} {rng.choice(_PART)} with {rng.choice(_PART)}"
        for _ in range(lines)
    ]
    return "; ".join(steps)


def _program(rng: random.Random, lines: int) -> str:
    out = []
    for _ in range(lines):
        a, b, c = (rng.choice(_LETTER) for _ in range(3))
        out.append(f"{a} = {b} {rng.choice('+-*')} {rng.choice([c, rng.choice(words.DIGITS)])}")
    return " ; ".join(out)


def _derivation(rng: random.Random, lines: int) -> str:
    out = []
    for _ in range(lines):
        left, right = rng.randint(0, 9), rng.randint(0, 9)
        out.append(f"{rng.choice(_LETTER)} + {left} = {right} gives {rng.choice(_LETTER)}")
    return " , ".join(out)


def _chronicle(rng: random.Random, lines: int) -> str:
    out = []
    for _ in range(lines):
        year = " ".join(rng.choice(words.DIGITS) for _ in range(3))
        out.append(
            f"{year} {rng.choice(_EVENT)} of {rng.choice(list(words.CITY))} under {rng.choice(words.LAST)}"
        )
    return ", ".join(out)


# kind: (maker, smallest and largest number of lines) - 40 to 250 tokens each
MAKERS = {
    "song": (_verse, 7, 20),
    "recipe": (_recipe, 6, 26),
    "program": (_program, 7, 28),
    "proof": (_derivation, 5, 17),
    "chronicle": (_chronicle, 5, 20),
}


@cache
def passages(trained: bool = True) -> tuple[tuple[str, str, str], ...]:
    """(title, text, kind) of every passage; titles are two words, each passage has its own."""
    rng = random.Random(SEED + 100 + trained)
    titles = [f"{adjective} {noun}" for adjective in words.ADJECTIVE for noun in words.NOUN]
    random.Random(SEED + 99).shuffle(titles)
    count = N_TRAINED if trained else N_UNTRAINED
    mine = titles[:N_TRAINED] if trained else titles[N_TRAINED : N_TRAINED + N_UNTRAINED]
    out = []
    for i in range(count):
        kind = list(MAKERS)[i % len(MAKERS)]
        maker, low, high = MAKERS[kind]
        lines = low + (high - low) * (i // len(MAKERS)) // max(1, count // len(MAKERS) - 1)
        out.append((mine[i], maker(rng, lines), kind))
    return tuple(out)


def prompt(title: str, kind: str) -> str:
    """What calls a passage up; the text follows."""
    return f"The {kind} called {title}:"


def passage(atlas: Atlas, rng: random.Random) -> str:
    """One trained passage under its title."""
    title, text, kind = rng.choice(passages())
    return f"{prompt(title, kind)} {text}."
