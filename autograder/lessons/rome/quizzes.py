"""The two quizzes of lesson 05: three questions before the work, four after it. Every option says why."""

from __future__ import annotations

from autograder.quizzes import Option, Question, Quiz

WARM_UP = Quiz(
    "rome.warm_up",
    "05_rome",
    "Warm-up: what do you expect?",
    (
        Question(
            "place",
            "ROME changes one matrix of one layer. Which one?",
            (
                Option(
                    "The attention's output projection",
                    "Tracing finds a late site there, at the last token, where the answer is passed on. "
                    "ROME edits the early site, where the subject's facts are looked up.",
                ),
                Option(
                    "The second matrix of the feed-forward layer, W_out",
                    "It maps what the first matrix detects (keys) to what is written into the stream "
                    "(values): the natural place to insert one more pair.",
                    right=True,
                ),
                Option(
                    "The embedding of the subject's tokens",
                    "That would change every prompt with those tokens, whatever is asked, and other names "
                    "that share a token with them.",
                ),
            ),
        ),
        Question(
            "token",
            "At which token is the subject's key read?",
            (
                Option(
                    "At the last token of the prompt",
                    "There the model already prepares the next word. The effect of the subject's facts "
                    "peaks earlier (lesson 04).",
                ),
                Option(
                    "At the first token of the subject",
                    "A causal model has not read the rest of the name there: Anna Weber and Anna Berg "
                    "would share one key.",
                ),
                Option(
                    "At the last token of the subject",
                    "It is the first place where the whole name has been read, and where tracing finds "
                    "the early site.",
                    right=True,
                ),
            ),
        ),
        Question(
            "pairs",
            "W has F columns and stores many pairs k -> v. Can one more be inserted exactly?",
            (
                Option(
                    "Yes, by a change of rank one",
                    "One column vector times one row vector is enough to send one key anywhere. The "
                    "question is which row vector disturbs the other keys least.",
                    right=True,
                ),
                Option(
                    "No, W is full after training",
                    "A linear map is never full: W + Δ can meet one more equation Δ k_* = r for any k_* "
                    "that is not zero.",
                ),
                Option(
                    "Only if k_* is orthogonal to all other keys",
                    "Then nothing else would move at all. In general something moves, and (5.19) asks for "
                    "as little as possible.",
                ),
            ),
        ),
    ),
)

EXIT = Quiz(
    "rome.exit",
    "05_rome",
    "Exit quiz: what did you see?",
    (
        Question(
            "bias",
            "In GPT-2 the layer's output is W_out k + b. optimise_value gives the whole output v. Which "
            "v_* goes into (5.21)?",
            (
                Option(
                    "v itself",
                    "The layer adds b once more: the output would be v + b. In Llama, which has no bias, "
                    "the same code would be right, which is why the mistake hides so well.",
                ),
                Option(
                    "v - b", "The constraint is about W_out k_* alone, so b is taken off first.", right=True
                ),
                Option("v - W k_*", "That is the residual; the function computes it by itself."),
            ),
        ),
        Question(
            "identity",
            "Someone puts C = I into (5.21). What happens?",
            (
                Option(
                    "The pair is no longer inserted",
                    "It is: (W + Δ) k_* = v_* holds for every C that can be inverted.",
                ),
                Option(
                    "The pair is inserted, and other subjects move more than they must",
                    "u = k_* points along what many keys share. The constraint can't see that; locality can.",
                    right=True,
                ),
                Option("Nothing changes, C only scales", "The scale of C cancels; its directions don't."),
            ),
        ),
        Question(
            "divergence",
            "The KL term keeps P(· | p') for p' = \"{subject} is a\". ROME reads it at the subject's last "
            "token. What would reading at the end of p' change?",
            (
                Option(
                    "Nothing",
                    "The logits there depend on ` is a` too; at the subject's last token a causal model "
                    "hasn't seen it.",
                ),
                Option(
                    'It would hold the distribution after "is a", another place than the one edited',
                    "That may be a sensible wish, but it is another loss: at the subject's last token the "
                    "suffix is never seen.",
                    right=True,
                ),
                Option(
                    "The term would be zero",
                    "The change at the subject's last token reaches later tokens through attention, so it "
                    "would not be zero.",
                ),
            ),
        ),
        Question(
            "undo",
            "How is an edit taken back bit for bit?",
            (
                Option(
                    "Subtract Δ again",
                    "In floating point (W + Δ) - Δ is W up to rounding: about 1e-7 off, and the errors "
                    "add up.",
                ),
                Option(
                    "Put the saved copy of W back", "Nothing is computed, so nothing is rounded.", right=True
                ),
                Option(
                    "Run ROME again with the old object",
                    "That is a second edit on top of the first; it restores an answer, not the weights.",
                ),
            ),
        ),
    ),
)

QUIZZES = (WARM_UP, EXIT)
