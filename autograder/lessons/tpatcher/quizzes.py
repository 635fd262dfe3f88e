"""The two quizzes of lesson 08: three questions before the work, four after it. Every option says why."""

from __future__ import annotations

from autograder.quizzes import Option, Question, Quiz

WARM_UP = Quiz(
    "tpatcher.warm_up",
    "08_patches",
    "Warm-up: what do you expect?",
    (
        Question(
            "neuron",
            "What does one more neuron in a feed-forward layer add to its output?",
            (
                Option(
                    "Its activation times its value vector",
                    "An FFN is a sum of values, weighted by how well the query matches each key (lesson "
                    "03). One more "
                    "neuron is one more term of the sum.",
                    right=True,
                ),
                Option(
                    "A change of all the activations of the others",
                    "The neurons of a layer don't see each other. Each compares the same query with its "
                    "own key.",
                ),
                Option(
                    "A rank-one change of W_out, as in ROME",
                    "No number of W_out changes here. It gets one column more, and W_in one row more.",
                ),
            ),
        ),
        Question(
            "key",
            "T-Patcher and ROME both speak of keys. Which sentence is right?",
            (
                Option(
                    "Both mean the same vector, read at the subject",
                    "ROME's key is an activation, made fresh for each token. T-Patcher's is a parameter, "
                    "trained once and "
                    "compared with every token.",
                ),
                Option(
                    "T-Patcher's key is a row of W_in, ROME's a vector of activations",
                    "The first is compared with the FFN's input and has D numbers. The second goes into "
                    "W_out and has F.",
                    right=True,
                ),
                Option(
                    "T-Patcher's key is a column of W_out",
                    "A column of W_out is a value: it is what a neuron says, not what it listens to.",
                ),
            ),
        ),
        Question(
            "position",
            "The answer's token stands at position t. Where does a causal model decide for it?",
            (
                Option(
                    "At position t, where the token stands",
                    "There the model has already read the token, and predicts the one after it.",
                ),
                Option(
                    "At position t - 1, one before",
                    "The logits at t - 1 are the prediction for t. A patch for this token has to fire there.",
                    right=True,
                ),
                Option(
                    "At the subject's last token, wherever that is",
                    "Facts are looked up there (lesson 04), but the word itself is chosen where it is "
                    "predicted.",
                ),
            ),
        ),
    ),
)

EXIT = Quiz(
    "tpatcher.exit",
    "08_patches",
    "Exit quiz: what did you see?",
    (
        Question(
            "layer",
            "T-Patcher stands in the last layer. What would be lost in a middle one?",
            (
                Option(
                    "Nothing, a patch works the same anywhere",
                    "Above a middle layer stand other layers, which read the change and answer to it. It "
                    "still trains, "
                    "but it is no longer a small and local corrector.",
                ),
                Option(
                    "Each training step would have to run the layers above, which answer to the patch",
                    "After the last FFN come only the final norm and the unembedding. So query and stream are "
                    "read once, and no layer distorts what the patch says.",
                    right=True,
                ),
                Option(
                    "The FFN there is full and has no room",
                    "A neuron more can stand beside any FFN. There is always room; what it costs is "
                    "parameters.",
                ),
            ),
        ),
        Question(
            "hinge",
            "Train a patch with (5.12) and (5.13) as they are printed, without the hinge. What happens?",
            (
                Option(
                    "The loss sinks without end, and the bias with it",
                    "Each unit of bias is paid for. The loss of the own query answers with a longer key, "
                    "and the two "
                    "run away together. What is left is a patch for one exact wording.",
                    right=True,
                ),
                Option(
                    "The patch learns a little more slowly",
                    "There is no place at which such a loss would come to rest. It is not slow, it heads "
                    "the wrong way.",
                ),
                Option(
                    "Nothing, since the mean keeps it in check",
                    "The mean makes it worse: a query far below the threshold pays for one above it.",
                ),
            ),
        ),
        Question(
            "more",
            "A fact's answer has four tokens, of which one is predicted wrongly. How many patches does it "
            "need?",
            (
                Option(
                    "Four, one for each token of the answer",
                    "A patch where the model is right already can only do harm: it is one more neuron that "
                    "may fire "
                    "somewhere else.",
                ),
                Option(
                    "One, where the wrong token is predicted",
                    "Only a wrong prediction needs mending. If another token goes wrong while training, it "
                    "gets its own "
                    "patch afterwards.",
                    right=True,
                ),
                Option(
                    "As many as fit, more patches are better",
                    "Every patch adds 2 D + 1 numbers, and one more chance to fire at a stranger's query.",
                ),
            ),
        ),
        Question(
            "remove",
            "One of 300 facts was edited by mistake. From which editor can it be taken out again by itself?",
            (
                Option(
                    "From CaliNET: delete its slot",
                    "CaliNET's slots are trained on all facts together. No slot belongs to one fact.",
                ),
                Option(
                    "From T-Patcher: delete its patches",
                    "Patches add up and each was made for one fact. What the others say stays the same.",
                    right=True,
                ),
                Option(
                    "From neither of the two, train again",
                    "That is true of CaliNET. T-Patcher's patches are a list, and a list has entries.",
                ),
            ),
        ),
    ),
)

QUIZZES = (WARM_UP, EXIT)
