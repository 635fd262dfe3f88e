"""The two quizzes of lesson 04: three questions before the work, five after it. Every option says why."""

from __future__ import annotations

from autograder.quizzes import Option, Question, Quiz

WARM_UP = Quiz(
    "causal.warm_up",
    "04_tracing",
    "Warm-up: what do you expect?",
    (
        Question(
            "probe",
            "Suppose the logit lens of lesson 01 reads the answer after layer 5. Does the model use it there?",
            (
                Option(
                    "Yes: what can be read is what is used",
                    "A word can be readable in a state that nothing later looks at. Reading is an observation; "
                    "only a change shows a cause.",
                ),
                Option(
                    "The lens can't tell; one must change the state and look at the answer",
                    "That is an intervention, and this whole lesson. It tells cause from by-product.",
                    right=True,
                ),
                Option(
                    "No: the answer is only made in the last layer",
                    "Where it is made is the open question, and the lens alone does not decide it.",
                ),
            ),
        ),
        Question(
            "before",
            'The prompt is "The skin of the zebra is". Noise is added to the embedding of "zebra". Which states change?',
            (
                Option(
                    "All states of all tokens",
                    'The textbook says so, but a causal model reads from left to right: "The skin of the" is '
                    "computed before the zebra comes.",
                ),
                Option(
                    "Only the states of zebra itself",
                    "Later tokens look back at it through attention, so their states change, too.",
                ),
                Option(
                    "Those of zebra and of all tokens after it",
                    "Attention looks back only. So whatever stands before the subject stays bit for bit the same.",
                    right=True,
                ),
            ),
        ),
        Question(
            "stream",
            "The subject is corrupted by noise. Only the last token's state after the last layer is put back to its clean "
            "value. What does the model say?",
            (
                Option(
                    "The clean answer, with its clean probability",
                    "Only norm and unembedding follow, and they see that one state. You will find this corner in "
                    "every map.",
                    right=True,
                ),
                Option(
                    "The corrupted answer, since all other states are corrupted",
                    "No other state is looked at any more: above the last layer there is no attention.",
                ),
                Option(
                    "Something between the two answers",
                    "A mixture would need a second way to the output, and after the last layer there is none.",
                ),
            ),
        ),
    ),
)

EXIT = Quiz(
    "causal.exit",
    "04_tracing",
    "Exit quiz: what did you see?",
    (
        Question(
            "effect",
            "Clean P = 0.98. Restoring some state gives P = 0.60. How large is its effect?",
            (
                Option(
                    "0.60",
                    "That is the restored probability. If the noise had left 0.55, restoring would have done "
                    "next to nothing.",
                ),
                Option(
                    "0.38, what is still missing",
                    "That is the distance to the clean run. The effect is measured from the corrupted run.",
                ),
                Option(
                    "It can't be said without the corrupted run's P",
                    "The effect is restored minus corrupted. The corrupted run is the control of the experiment.",
                    right=True,
                ),
            ),
        ),
        Question(
            "noise",
            "Somebody draws fresh noise for every cell of the map. What goes wrong?",
            (
                Option(
                    "Nothing, noise is noise",
                    "Some draws destroy the subject and others hardly touch it; with few draws you see those "
                    "differences in the map.",
                ),
                Option(
                    "Differences between cells are partly differences between draws",
                    "With the same draws everywhere, two cells differ only by what was restored.",
                    right=True,
                ),
                Option(
                    "Every effect comes out as zero",
                    "The effects stay about right on average; what grows is their scatter from cell to cell.",
                ),
            ),
        ),
        Question(
            "window",
            "In a model of 48 layers, restoring a single FFN's output brings back almost nothing. So FFNs don't matter?",
            (
                Option(
                    "Right: the effect of each is nearly zero",
                    "Many small contributions can add up to all of it. Restore several layers together and look again.",
                ),
                Option(
                    "Not so fast: the work may be spread over several layers",
                    "Each layer adds a part, and one part alone is too little. That is why windows exist.",
                    right=True,
                ),
                Option(
                    "The noise was too small",
                    "Then the corrupted run would still be right, and hidden states would have no effect either.",
                ),
            ),
        ),
        Question(
            "sever",
            "What does severing the FFNs above layer l do?",
            (
                Option(
                    "It sets their outputs to zero",
                    "Zero is something the model has never seen there. It would add damage that has nothing to do "
                    "with the question.",
                ),
                Option(
                    "It holds their outputs at what they were in the corrupted run",
                    "So they don't notice that the state below was restored: this one path is closed, and "
                    "everything else stays.",
                    right=True,
                ),
                Option(
                    "It takes these layers out of the model",
                    "Their attention still works; only what the FFNs give at this token is held fixed.",
                ),
            ),
        ),
        Question(
            "proof",
            "The map shows a high effect at layer 1. What may you conclude about editing?",
            (
                Option(
                    "Layer 1 is the best layer to edit",
                    "You measured it: the effect peaks in layer 0, and edits hold best in layers 1 to 3.",
                ),
                Option(
                    "The fact is stored in layer 1 and nowhere else",
                    "Tracing shows that this state is enough, after this noise. It may pass through layer 1 from "
                    "elsewhere, and it may be stored twice.",
                ),
                Option(
                    "Nothing certain: edit in several layers and measure",
                    "Where information flows and where a change works are two questions. Each has its own "
                    "experiment.",
                    right=True,
                ),
            ),
        ),
    ),
)

QUIZZES = (WARM_UP, EXIT)
