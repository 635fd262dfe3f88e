"""The two quizzes of lesson 11: three questions before the work, five after it. Every option says why."""

from __future__ import annotations

from autograder.quizzes import Option, Question, Quiz

WARM_UP = Quiz(
    "anyedit.warm_up",
    "11_anyedit",
    "Warm-up: what do you expect?",
    (
        Question(
            "one_state",
            "ROME changed one state, at one token, and the model said Taipei instead of Seattle. Can one "
            "changed state also make it recite a new poem of sixty words?",
            (
                Option(
                    "Yes, with more steps of the optimiser",
                    "More steps help a little, and then no more: one vector of D numbers has to steer sixty "
                    "words, the last of them from far away. You will see where it ends.",
                ),
                Option(
                    "Its beginning perhaps; later words get lost",
                    "Going on by itself, the model says the first few tokens and then gets lost. How few, and "
                    "what each later token gains, you will measure.",
                    right=True,
                ),
                Option(
                    "No, a state can call up one word only",
                    "ROME's values call up names of two or three words. There is no sharp limit at one.",
                ),
            ),
        ),
        Question(
            "product",
            "Three tokens of an answer have the probabilities 0.9, 0.5 and 0.5, each given those before it. "
            "How probable is the whole answer?",
            (
                Option(
                    "0.63, their mean",
                    "The mean tells how sure the model is of a typical token. All three have to come out.",
                ),
                Option(
                    "0.225, their product",
                    "The chain rule: P(abc) = P(a) P(b | a) P(c | a, b). In logarithms it is a sum.",
                    right=True,
                ),
                Option(
                    "0.5, the smallest",
                    "The weakest token limits the answer, but the others cost probability too.",
                ),
            ),
        ),
        Question(
            "forced",
            "Shown the right text so far, a model says every second token of a poem correctly. What does it "
            "write when it goes on by itself?",
            (
                Option(
                    "About every second word of the poem",
                    "After its first slip it reads its own wrong word, and no longer the poem. What follows "
                    "belongs to another text.",
                ),
                Option(
                    "That can't be told from this figure: one slip may derail all that follows",
                    "Right: *teacher forced* figures show the true text before every token. On its own the "
                    "model has to live with its slips. Look at both.",
                    right=True,
                ),
                Option(
                    "The whole poem: half right is enough to stay on track",
                    "A language model has no track but the text before it, and that is wrong after one slip.",
                ),
            ),
        ),
    ),
)

EXIT = Quiz(
    "anyedit.exit",
    "11_anyedit",
    "Exit quiz: what did you see?",
    (
        Question(
            "anchor",
            "A prompt has 6 tokens, an answer three chunks: (0, 10), (10, 20), (20, 25). At which position is "
            "the state of the third chunk edited?",
            (
                Option(
                    "30, the chunk's own last token",
                    "When the model reads it, the chunk has been said. A state there can't call up what lies "
                    "after it.",
                ),
                Option(
                    "26, the chunk's first token",
                    "The state at a token moves what comes next. The chunk's first token would be left to "
                    "chance.",
                ),
                Option(
                    "25, the last token of the second chunk",
                    "prompt_len + start - 1 = 6 + 20 - 1: the last token that is read before the chunk.",
                    right=True,
                ),
            ),
        ),
        Question(
            "earlier",
            "Why does the search for chunk 3 keep the states of chunks 1 and 2 in place?",
            (
                Option(
                    "Chunk 3 is said by a model in which they are changed already, and reads them by attention",
                    "Searched without them, the state fits a model that nobody will use. That is the meaning "
                    "of *autoregressive* here.",
                    right=True,
                ),
                Option(
                    "Otherwise the three states could not be written into one matrix",
                    "They could: the update is the same. It would write states that fit another model.",
                ),
                Option(
                    "So that chunk 3 can improve chunks 1 and 2",
                    "It can't: attention looks back only. A state at chunk 3 changes nothing before it.",
                ),
            ),
        ),
        Question(
            "tail",
            "An answer of 13 tokens, windows of 6 that share 2. Which chunks?",
            (
                Option(
                    "(0, 6), (4, 10), (8, 13), (12, 13)",
                    "That is what the released loop gives. The last one lies inside (8, 13): it asks for a "
                    "token that has been taken care of, and its search is given a token too many.",
                ),
                Option(
                    "(0, 6), (4, 10), (8, 13)",
                    "Each begins 2 tokens before its predecessor ends, and the third one reaches the end.",
                    right=True,
                ),
                Option(
                    "(0, 6), (6, 12), (12, 13)",
                    "These cover the answer, but share nothing.",
                ),
            ),
        ),
        Question(
            "smaller",
            "Chunks of 12 tokens did better than one anchor. Should one take chunks of one token?",
            (
                Option(
                    "Yes: the more anchors, the more is under control",
                    "Every anchor is a key that has to be written beside the others, into the same matrix, and a "
                    "search to be paid. On five long answers 3 tokens did worse than 12 when the model went on by "
                    "itself.",
                ),
                Option(
                    "It may do well or badly, and costs a search per token: measure it on your texts",
                    "There is a best size for a model and a kind of text: verse wanted small chunks, the program "
                    "larger ones. You find it by measuring, not by principle.",
                    right=True,
                ),
                Option(
                    "No: chunks of one token can't be called up",
                    "They can, very well even: one state for one token is what ROME does.",
                ),
            ),
        ),
        Question(
            "unke",
            "UnKE trains all parameters of one block. What keeps it from forgetting the rest?",
            (
                Option(
                    "The second term: on texts to keep, the block shall give what it gave before",
                    "And at the other tokens of the edited text, which are part of the first term.",
                    right=True,
                ),
                Option(
                    "The second moment C of old keys",
                    "That belongs to methods that solve for one matrix, as MEMIT does. UnKE trains by gradient "
                    "and needs texts instead.",
                ),
                Option(
                    "Nothing: only one block is trained, so the others remember",
                    "The other blocks read what this block gives. If it gives something else, they are misled.",
                ),
            ),
        ),
    ),
)

QUIZZES = (WARM_UP, EXIT)
