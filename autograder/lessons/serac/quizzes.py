"""The two quizzes of lesson 09: three questions before the work, five after it. Every option says why."""

from __future__ import annotations

from autograder.quizzes import Option, Question, Quiz

WARM_UP = Quiz(
    "serac.warm_up",
    "09_caches",
    "Warm-up: what do you expect?",
    (
        Question(
            "scope",
            "An edit says that the zebra's skin is black. Which question is in its scope?",
            (
                Option(
                    "Only the very prompt that was edited",
                    "Then generality (lesson 02) would be nil: other wordings of the question belong to the "
                    "scope.",
                ),
                Option(
                    "Every wording of this question, and what follows from it",
                    "The scope is what the edit should change: paraphrases and consequences. "
                    "Today a module has to find that out.",
                    right=True,
                ),
                Option(
                    "Every question about zebras",
                    "What a zebra eats is another fact about the same subject. It is the hardest kind of "
                    "question to keep out.",
                ),
            ),
        ),
        Question(
            "sigmoid",
            "A gate's logit for a question is 0. How sure is it that the edit applies?",
            (
                Option(
                    "Not at all: 0",
                    "0 is the logit, before the sigmoid. A probability near 0 belongs to a large negative "
                    "logit.",
                ),
                Option(
                    "One half: it can't decide",
                    "sigmoid(0) = 1 / (1 + 1) = .5. Above 0 it leans towards yes, below 0 towards no.",
                    right=True,
                ),
                Option(
                    "Completely: 1",
                    "For a probability near 1 the logit has to be large and positive: sigmoid(8) = .9997.",
                ),
            ),
        ),
        Question(
            "radius",
            "A T-Patcher patch (lesson 08) fires where q · k_p + b_p > 0. What shape has the region where it "
            "fires?",
            (
                Option(
                    "A ball around the key",
                    "A ball needs a distance. A product with a key is large for every long query in that "
                    "direction, however far away.",
                ),
                Option(
                    "A half-space: everything on one side of a plane",
                    "It has no end. That is one reason why many patches fire at strangers. GRACE, today, takes "
                    "balls.",
                    right=True,
                ),
                Option(
                    "A single point",
                    "A single point would give no generality. The patch fires on one whole side of a plane.",
                ),
            ),
        ),
    ),
)

EXIT = Quiz(
    "serac.exit",
    "09_caches",
    "What have you understood?",
    (
        Question(
            "training",
            "Does SERAC need training?",
            (
                Option(
                    "No: an edit is only written into the cache",
                    "True for an edit, once the modules are there. But who taught the gate which questions are "
                    "near?",
                ),
                Option(
                    "Gate and inference module do, once; an edit then needs none",
                    "That is how both sentences of the textbook fit together: §5.2.1 trains the modules, and "
                    "§5.2.3 speaks of adding an edit.",
                    right=True,
                ),
                Option(
                    "Yes, a new gate for every edit",
                    "The gate compares any question with any cached edit. A new edit is one more row of the "
                    "cache.",
                ),
            ),
        ),
        Question(
            "losses",
            "A gate is trained by NCE alone, and one reads sigmoid(logit) > .5. What may go wrong?",
            (
                Option(
                    "It can't tell which edit is the nearest",
                    "That is just what NCE trains: the right edit against the others.",
                ),
                Option(
                    "Where one half lies is arbitrary: NCE sees differences only, and trains no bias",
                    "Add 5 to all logits and NCE stays the same. The threshold has to come from somewhere else, "
                    "for example from held-out questions.",
                    right=True,
                ),
                Option(
                    "It needs examples of questions out of scope",
                    "Other edits of the batch serve as the contrast. It can be trained without any question "
                    "that is out of all scopes, which is part of the problem.",
                ),
            ),
        ),
        Question(
            "mixture",
            "A soft mixture has a gate of .001 for a neighbour's question. What happens to locality?",
            (
                Option(
                    "Nothing: .001 is rounded away",
                    "Probabilities move by up to .001, and that is measurable. Bit for bit is over.",
                ),
                Option(
                    "The answer's text will hardly change, but its probabilities do",
                    "The hard route leaves the model's own logits, bit for bit. A sigmoid is never 0, so a "
                    "mixture never quite does.",
                    right=True,
                ),
                Option(
                    "The neighbour gets the new answer",
                    "Only a thousandth of the probability comes from the reader. The old answer stays on top.",
                ),
            ),
        ),
        Question(
            "weights",
            "Which weights of the model does GRACE change?",
            (
                Option(
                    "The FFN's matrices of the wrapped layer",
                    "The layer computes as before. A codebook stands beside it, and a value takes the place of "
                    "its output where a key is near.",
                ),
                Option(
                    "None. Keys are cached activations, and values are trained beside the model",
                    "Take the codebook away, and the model is what it was, bit for bit.",
                    right=True,
                ),
                Option(
                    "The embeddings of the edited subject",
                    "Nothing is written at the subject. The codebook is asked at the question's last token.",
                ),
            ),
        ),
        Question(
            "growing",
            "Generality is too low, so you double GRACE's first radius. What do you pay?",
            (
                Option(
                    "Nothing: larger balls generalise better",
                    "They reach more paraphrases, and soon also other questions about the subject. In our model "
                    "doubling the default let nearly all of those in.",
                ),
                Option(
                    "Locality: other questions fall into the balls, and get the edit's answer",
                    "Radius buys generality with locality. How much depends on how this layer arranges "
                    "questions.",
                    right=True,
                ),
                Option(
                    "Memory: a larger ball needs more numbers",
                    "A radius is one number, whatever its size. Larger balls even mean fewer entries.",
                ),
            ),
        ),
    ),
)

QUIZZES = (WARM_UP, EXIT)
