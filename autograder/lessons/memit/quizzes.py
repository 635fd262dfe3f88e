"""The two quizzes of lesson 06: three questions before the work, five after it. Every option says why."""

from __future__ import annotations

from autograder.quizzes import Option, Question, Quiz

WARM_UP = Quiz(
    "memit.warm_up",
    "06_memit",
    "Warm-up: what do you expect?",
    (
        Question(
            "rank",
            "ROME's change for one fact has rank one. A change that writes 100 independent facts into one "
            "matrix has rank ...",
            (
                Option(
                    "at most 100",
                    "Each fact brings one key, and rows of the change are mixtures of what the keys give: 100 of "
                    "them span at most 100 directions.",
                    right=True,
                ),
                Option(
                    "one",
                    "A matrix of rank one sends all keys into one and the same direction. A hundred answers need "
                    "more than one.",
                ),
                Option(
                    "full, always",
                    "Full rank would be 192 in the bundled model. A hundred keys can't reach that.",
                ),
            ),
        ),
        Question(
            "second",
            "You insert fact A with ROME, then fact B. Their keys are a little alike. What happens to A?",
            (
                Option(
                    "Nothing, A's constraint was exact",
                    "It was exact when it was made. B's change is felt by every key that u of B touches, A's too.",
                ),
                Option(
                    "Its value moves by B's leak",
                    "The second change moves A's output by the share u^T k_A / u^T k_B of B's full move (lesson 05).",
                    right=True,
                ),
                Option(
                    "A is erased",
                    "Only if the two keys are the same. Otherwise A keeps what B's change does not touch.",
                ),
            ),
        ),
        Question(
            "null",
            "F = 3, and the old keys are (1, 0, 0) and (0, 1, 0). Which change of W do they not feel?",
            (
                Option(
                    "One whose rows lie along (0, 0, 1)",
                    "Δk is zero for both old keys: neither has any part in that direction.",
                    right=True,
                ),
                Option(
                    "One whose columns lie along (0, 0, 1)",
                    "Columns live on the side of the values. What keys feel is decided by the rows of Δ.",
                ),
                Option(
                    "There is none",
                    "Two keys in three dimensions leave one direction free. It is called their null space.",
                ),
            ),
        ),
    ),
)

EXIT = Quiz(
    "memit.exit",
    "06_memit",
    "Exit quiz: what did you see?",
    (
        Question(
            "family",
            "A lecture lists MEMIT among the hypernetworks, beside MEND. What is right?",
            (
                Option(
                    "It is: it predicts weight changes for many facts",
                    "What makes a hypernetwork is that it is trained to predict changes. MEMIT trains nothing: its "
                    "change is the solution of a linear equation.",
                ),
                Option(
                    "It is a locate-then-edit method, ROME's successor for many facts",
                    "Keys are read, values are searched, and the change is a closed form with C. There is no "
                    "network that learned to edit.",
                    right=True,
                ),
                Option(
                    "It is an in-context method",
                    "In-context editing leaves the weights alone. MEMIT changes W_out in several layers.",
                ),
            ),
        ),
        Question(
            "loop",
            "Why is MEMIT more than ROME in a loop?",
            (
                Option(
                    "It solves for all facts at once, so they make room for each other",
                    "K K^T holds what the keys have in common. A loop meets each fact alone, and later ones push "
                    "earlier ones away.",
                    right=True,
                ),
                Option(
                    "It is only faster, the result is the same",
                    "In the plane the loop lies well below the curve: fewer of the facts arrive, at a higher price.",
                ),
                Option(
                    "It uses a better C",
                    "Both use the same second moment of the same layer, measured once on ordinary text.",
                ),
            ),
        ),
        Question(
            "price",
            "What happens when λ goes to 0 with hundreds of facts?",
            (
                Option(
                    "The edit gets better and better",
                    "The new facts alone gain, and only while their keys are independent. Old values move more and "
                    "more: at 100 facts the model answers .89, but keeps only .63 of the other prompts.",
                ),
                Option(
                    "Nothing, λ only scales Δ",
                    "λ weighs two wishes against each other. It changes the direction of Δ as well as its size.",
                ),
                Option(
                    "Independent keys are met exactly at any cost; keys that nearly coincide make Δ explode",
                    "The limit is a hard constraint for each fact. Where two keys are nearly the same and want "
                    "different values, the change is huge and can break everything: at 200 facts, nothing is answered "
                    "or kept.",
                    right=True,
                ),
            ),
        ),
        Question(
            "layers",
            "MEMIT edits layers 2 and 3. When must the keys of layer 3 be read?",
            (
                Option(
                    "After layer 2 has been changed",
                    "The change of layer 2 moves the stream, so layer 3 sees other keys than before. It must be "
                    "edited for those that it will see.",
                    right=True,
                ),
                Option(
                    "Together with those of layer 2, before any change",
                    "Then layer 3 is changed for keys that it no longer sees, and the facts are missed.",
                ),
                Option(
                    "It makes no difference, keys depend on the text alone",
                    "Keys depend on the text and on all weights below. An edit is a change of weights below.",
                ),
            ),
        ),
        Question(
            "tolerance",
            "C comes from 100 000 tokens, F is 768. What is its null space?",
            (
                Option(
                    "At least 768 directions are free in any case",
                    "There are only 768 directions in all, and with so many tokens every one of them is used a "
                    "little.",
                ),
                Option(
                    "Nothing, unless a tolerance says how little energy counts as none",
                    "C has full rank. What is called null space is the space of directions with little energy: "
                    "protected approximately.",
                    right=True,
                ),
                Option(
                    "The directions in which C has its largest eigenvalues",
                    "Those are the directions that old keys use most, the opposite of what is free.",
                ),
            ),
        ),
    ),
)

QUIZZES = (WARM_UP, EXIT)
