"""The two quizzes of lesson 02: three questions before the work, five after it. Every option says why."""

from __future__ import annotations

from autograder.quizzes import Option, Question, Quiz

WARM_UP = Quiz(
    "metrics.warm_up",
    "02_metrics",
    "Warm-up: what do you remember, what do you expect?",
    (
        Question(
            "next",
            "Where in a row of tokens does the model say what it expects as the token at position t?",
            (
                Option(
                    "In the logits at position t",
                    "Those have read the token at t already, and predict the one after it.",
                ),
                Option(
                    "In the logits at position t - 1",
                    "The logits at a position predict the next token: everything in this lesson's first "
                    "exercise follows from that.",
                    right=True,
                ),
                Option(
                    "In the logits at the last position",
                    "That is where the token after the whole row is predicted. It is the same place only for "
                    "the very next word.",
                ),
            ),
        ),
        Question(
            "train",
            "The picture above: trained on one sentence until the loss is nearly zero, the model says 'Taipei' to "
            "everything. Why did the loss not speak against that?",
            (
                Option(
                    "It did, but the learning rate was too high to listen",
                    "With a smaller rate it takes more steps. But no step ever looks at another sentence, so "
                    "there is nothing to listen to.",
                ),
                Option(
                    "It looks at the one sentence only",
                    "One example can be learned by making one name likely everywhere, and nothing in the "
                    "loss speaks against it.",
                    right=True,
                ),
                Option(
                    "It is zero only when the weights are random",
                    "The weights are not random at all: they have been moved in one direction, towards one "
                    "answer.",
                ),
            ),
        ),
        Question(
            "skin",
            "A model believes that the zebra's skin is pink. You edit another fact, and now it says black. "
            "Does a rate for 'everything else was left alone' count that as good?",
            (
                Option(
                    "Yes, the answer is right now",
                    "It is, by accident, and you may be glad of it (discussion 2). But this rate asks whether the "
                    "answer is the same, and it is not.",
                ),
                Option(
                    "No, the edit was to leave this answer alone",
                    "Locality compares with the model before, right or wrong. Whether you like the change is "
                    "another question.",
                    right=True,
                ),
                Option(
                    "It can't be said without the training data",
                    "The two answers, before and after, are all that has to be known.",
                ),
            ),
        ),
    ),
)

EXIT = Quiz(
    "metrics.exit",
    "02_metrics",
    "Exit quiz: what did you see?",
    (
        Question(
            "truth",
            "Before an edit 6 of 10 neighbours are answered rightly, after it 8 of 10: two wrong answers "
            "became right, and nothing else changed. What is the locality (5.4)?",
            (
                Option("1.0", "Two answers are different from before, so two of ten have changed."),
                Option(
                    "0.8",
                    "Eight of ten answers are as they were, the wrong ones among them. Which of them are "
                    "right plays no part.",
                    right=True,
                ),
                Option(
                    "It can't be said",
                    "It could not be said from 6 and 8 alone; but you know which answers changed.",
                ),
            ),
        ),
        Question(
            "following",
            "'The country where the Space Needle stands is ...' after the edit to Taipei: which property is "
            "asked for?",
            (
                Option(
                    "Generality: it is another wording of the edit",
                    "A paraphrase has the answer Taipei. This question has another answer, Taiwan.",
                ),
                Option(
                    "Portability: it follows from the new fact and has an answer of its own",
                    "The answer has to be worked out from the new fact and one more: a reasoning question.",
                    right=True,
                ),
                Option(
                    "Locality: the country was not part of the edit",
                    "It was not written, but it follows. An edit that leaves it alone contradicts itself.",
                ),
            ),
        ),
        Question(
            "pooled",
            "Somebody reports one number, the share of right answers over all probes: 1 edit prompt, 2 "
            "paraphrases, 10 neighbours. What does an edit that does nothing get?",
            (
                Option(
                    "0, because the edit failed",
                    "The ten neighbours are all as they were, and they count too.",
                ),
                Option(
                    "About 0.33, the mean of 0, 0 and 1",
                    "That is the mean of the three means. Pooled, every prompt counts once, and ten of "
                    "thirteen are neighbours.",
                ),
                Option(
                    "About 0.77, ten of thirteen",
                    "The largest group decides. Report the properties one by one; CounterFact's harmonic "
                    "mean S would give 0.",
                    right=True,
                ),
            ),
        ),
        Question(
            "zero",
            "The loss on the edit is 0.00001 after training. What do you know?",
            (
                Option(
                    "The edit is a success",
                    "The loss looks at the target's tokens after one prompt. It knows nothing of neighbours, "
                    "and not even what the model says after the target.",
                ),
                Option(
                    "After this one prompt, the target's tokens are nearly certain",
                    "That and nothing more. The model may go on 'Taipei Taipei Taipei', and say so to every "
                    "other question.",
                    right=True,
                ),
                Option(
                    "The model has forgotten everything else",
                    "It may have, or not: the loss can't tell. With an early stop the same method kept its "
                    "neighbours.",
                ),
            ),
        ),
        Question(
            "ball",
            "What does FT-L limit?",
            (
                Option(
                    "How far each weight may move from where it was",
                    "Entry by entry, by eps. What the small moves of many thousand weights do together, it "
                    "does not limit.",
                    right=True,
                ),
                Option(
                    "How many answers may change",
                    "That is what one would like. A ball in the weights only makes it less likely, and you "
                    "have seen neighbours change inside it.",
                ),
                Option(
                    "The number of training steps",
                    "Training may go on as long as it likes; after every step the weights are put back into "
                    "the ball.",
                ),
            ),
        ),
    ),
)

QUIZZES = (WARM_UP, EXIT)
