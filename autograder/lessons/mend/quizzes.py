"""The two quizzes of lesson 07: three questions before the work, four after it. Every option says why."""

from __future__ import annotations

from autograder.quizzes import Option, Question, Quiz

WARM_UP = Quiz(
    "mend.warm_up",
    "07_mend",
    "Warm-up: what do you expect?",
    (
        Question(
            "catastrophe",
            "Lesson 02 wrote a fact by plain fine-tuning. What was wrong with it?",
            (
                Option(
                    "The new answer was not learned",
                    "It was learned within a few steps. The trouble was what else changed with it.",
                ),
                Option(
                    "The gradient knows nothing of what must stay",
                    "Its loss mentions the new answer alone, so the step moves whatever helps with that.",
                    right=True,
                ),
                Option(
                    "Fine-tuning can't change the middle layers",
                    "It changes every weight that has a gradient, which is part of the trouble.",
                ),
            ),
        ),
        Question(
            "columns",
            "ROME's change is one column times one row. What is its rank?",
            (
                Option("One", "Every row of the matrix is the same row, scaled by one number.", right=True),
                Option(
                    "As many as the column is long",
                    "The rows differ in length only, so they all point the same way: rank one.",
                ),
                Option(
                    "It depends on the fact",
                    "An outer product of two vectors that are not zero always has rank one.",
                ),
            ),
        ),
        Question(
            "keep",
            "Which prompts tell whether an edit has harmed anything?",
            (
                Option(
                    "The question that was edited",
                    "It tells whether the edit works, and nothing about the rest of the model.",
                ),
                Option(
                    "Paraphrases of the question",
                    "They tell whether the edit generalises: their answers are meant to change.",
                ),
                Option(
                    "Prompts whose answers should stay as they were",
                    "That is locality. In this lesson such prompts become training data, the keep data.",
                    right=True,
                ),
            ),
        ),
    ),
)

EXIT = Quiz(
    "mend.exit",
    "07_mend",
    "Exit quiz: what did you see?",
    (
        Question(
            "rank",
            "An example has 7 tokens. What is known of the rank of its gradient for one matrix?",
            (
                Option(
                    "It is one: there is one example",
                    "That is the slip. Each token adds an outer product of its own.",
                ),
                Option(
                    "It is at most the number of tokens with δ ≠ 0",
                    "A sum of that many outer products can't have a higher rank. It may have a lower one.",
                    right=True,
                ),
                Option(
                    "It is exactly 7",
                    "The last token predicts nothing here, so its δ is 0; and outer products can overlap.",
                ),
            ),
        ),
        Question(
            "output",
            "What does MEND's network give out?",
            (
                Option(
                    "The change of the weight, entry by entry",
                    "That would need d_in times d_out outputs. It is what the factors are there to avoid.",
                ),
                Option(
                    "New factors, one pair for each token",
                    "Their outer products are added up and subtracted with a learned rate.",
                    right=True,
                ),
                Option(
                    "The new answer of the edited model",
                    "The model itself gives the answer, with its changed weights; the network is then done.",
                ),
            ),
        ),
        Question(
            "outer",
            "Whose parameters does MEND's outer loss train?",
            (
                Option(
                    "The model's and the editor's",
                    "The model's weights are the same before and after. Only an edit changes them.",
                ),
                Option(
                    "The editor's alone",
                    "The loss flows back through the edited weights into the factors, and from there on.",
                    right=True,
                ),
                Option(
                    "The model's alone",
                    "That is ENN: it moves the model to where a step of gradient descent is a good edit.",
                ),
            ),
        ),
        Question(
            "test",
            "The editor is trained. What does it need to write a new fact?",
            (
                Option(
                    "The fact and fresh keep data",
                    "Keep data were for training. What they taught is in the editor now.",
                ),
                Option(
                    "The fact alone",
                    "One gradient, one pass through the small network: the test phase has no keep data.",
                    right=True,
                ),
                Option(
                    "A few training steps on the fact",
                    "That is the point of learning to edit: no training is left for the single fact.",
                ),
            ),
        ),
    ),
)

QUIZZES = (WARM_UP, EXIT)
