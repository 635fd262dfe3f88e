"""The two quizzes of lesson 13: three questions before the work, five after it. Every option says why."""

from __future__ import annotations

from autograder.quizzes import Option, Question, Quiz

WARM_UP = Quiz(
    "depn.warm_up",
    "13_uses",
    "Warm-up: what do you remember, what do you expect?",
    (
        Question(
            "neuron",
            "Lesson 03: what does integrated gradients say about one neuron and one answer?",
            (
                Option(
                    "How large the neuron's activation is",
                    "A loud neuron may speak about something else. What counts is what its activation "
                    "does to the "
                    "answer's probability.",
                ),
                Option(
                    "How much of the answer's probability is owed to its activation",
                    "All neurons of a layer together account for P(a) - P(0): that is completeness. Here "
                    "we add up "
                    "over the tokens of a secret.",
                    right=True,
                ),
                Option(
                    "Which training text the neuron was taught by",
                    "Attribution is about this model and this prompt. It knows nothing of training.",
                ),
            ),
        ),
        Question(
            "gone",
            "A model used to say a phone number. After an edit it says something else. Is the number gone?",
            (
                Option(
                    "Yes: what a model doesn't say, it doesn't know",
                    "Greedy decoding shows one word of a whole distribution. The number may be the "
                    "second in line, "
                    "or come up in another wording.",
                ),
                Option(
                    "One can't tell from one answer",
                    "Ask in other words, compare probabilities with other numbers, and look inside. You "
                    "will do all "
                    "three.",
                    right=True,
                ),
                Option(
                    "No: a number can never be removed from a model",
                    "That would have to be shown as well. What we can do is measure how much is left.",
                ),
            ),
        ),
        Question(
            "word",
            "You make a model unable to say one dangerous word. What have you removed?",
            (
                Option(
                    "The idea behind it",
                    "An idea can be put into other words. And the sentence that warns of it needs the word.",
                ),
                Option(
                    "The word",
                    "Nothing more. 'I will not help to build a bomb' needs the word, too.",
                    right=True,
                ),
                Option(
                    "All sentences that were harmful",
                    "Most harmful sentences don't hold the word, and many harmless ones do.",
                ),
            ),
        ),
    ),
)

EXIT = Quiz(
    "depn.exit",
    "13_uses",
    "Exit quiz: what did you see?",
    (
        Question(
            "exposure",
            "With 123 neurons silent a phone number is no longer recited. Its exposure among 32 candidates "
            "is 5 bits, as before. What does that mean?",
            (
                Option(
                    "The measurement is broken: what isn't said has no exposure",
                    "Exposure needs no answer. It ranks the secret's probability among others of its kind.",
                ),
                Option(
                    "It is still the likeliest of the 32: whoever has a list finds it",
                    "5 bits = log₂ 32, rank 1. Decoding goes astray at the second digit; yet the whole right "
                    "number is still likelier than each of the 31 others.",
                    right=True,
                ),
                Option(
                    "5 of its 6 digits are gone",
                    "Exposure counts bits of a rank, and no digits. It was 5 bits before, too: nothing "
                    "is gone.",
                ),
            ),
        ),
        Question(
            "random",
            "The released DEPN script is called with its switch for random neurons at False, and "
            "silences random "
            "neurons. What does that teach?",
            (
                Option(
                    "Random neurons are as good as located ones",
                    "In our model they forget nothing: all three secrets are still recited. 160 located "
                    "ones silence all three in that wording.",
                ),
                Option(
                    "Run the control yourself: a result that equals its own control is no result",
                    "The switch is read as text, and the text 'False' counts as true. Only a "
                    "comparison brings that to light.",
                    right=True,
                ),
                Option(
                    "Attribution is useless",
                    "The slip says nothing about attribution, since it was not used.",
                ),
            ),
        ),
        Question(
            "bomb",
            "With a coefficient of 20 hardly a rude word is said. Why is that no success?",
            (
                Option(
                    "Because 20 is larger than the paper's 3",
                    "The size means nothing by itself: models differ in the lengths of their values.",
                ),
                Option(
                    "Because the angry guard's words can't be reported any more, and other answers are "
                    "lost as well",
                    "Over-refusal is 1, and one in six of the facts that we asked is gone. Toxicity and "
                    "over-refusal "
                    "must be reported together.",
                    right=True,
                ),
                Option(
                    "Because the neurons were chosen by hand",
                    "They were chosen by their words' probabilities. By hand it would be the same trade.",
                ),
            ),
        ),
        Question(
            "side",
            "On which side of W does DAMA's projector stand, and why?",
            (
                Option(
                    "On the left, the output side: the layer must not write along the direction",
                    "(I - UUᵀ) W k has no part along U, whatever the key k is.",
                    right=True,
                ),
                Option(
                    "On the right, the input side: the layer must not hear the direction",
                    "U has D entries, a key has F. And where both are equal, it would decide which keys "
                    "are heard, "
                    "not what is written.",
                ),
                Option(
                    "It makes no difference",
                    "Only for matrices that commute with the projector, which W does not.",
                ),
            ),
        ),
        Question(
            "undo",
            "Who can undo an edit of weights after the merged model was given away?",
            (
                Option(
                    "Everyone: edits can be switched off",
                    "Edit.off() puts back a saved copy. Whoever got the merged model alone has no copy.",
                ),
                Option(
                    "Whoever kept the old weights or the change; for the others a little training may "
                    "bring it back",
                    "Five steps of training on other people's details brought one of three silenced secrets "
                    "back. So the person who wants to be forgotten should ask what happens to the old copies, "
                    "and an editor should keep a record.",
                    right=True,
                ),
                Option(
                    "Nobody",
                    "The old weights exist wherever they were copied to. And five steps of training on a "
                    "silenced secret brought it back.",
                ),
            ),
        ),
    ),
)

QUIZZES = (WARM_UP, EXIT)
