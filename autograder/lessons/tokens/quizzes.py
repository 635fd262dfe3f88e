"""The two quizzes of lesson 01: three questions before the work, five after it. Every option says why."""

from __future__ import annotations

from autograder.quizzes import Option, Question, Quiz

WARM_UP = Quiz(
    "tokens.warm_up",
    "01_model",
    "Warm-up: what do you bring along?",
    (
        Question(
            "softmax",
            "x has shape (3, 5). What is true of x.softmax(-1)?",
            (
                Option(
                    "All 15 numbers together add up to 1",
                    "The softmax runs along one dimension only. Here it is the last one, so every row is a "
                    "distribution of its own.",
                ),
                Option(
                    "Each of the 3 rows adds up to 1",
                    "Dimension -1 has 5 entries. In this lesson it will be the vocabulary: one probability per "
                    "word.",
                    right=True,
                ),
                Option(
                    "Each of the 5 columns adds up to 1",
                    "That would be x.softmax(0), along the rows. With a batch in the rows it would mix texts.",
                ),
            ),
        ),
        Question(
            "shared",
            "a = torch.zeros(4); b = a; b[0] = 7. What is a[0]?",
            (
                Option(
                    "0, because only b was written to",
                    "b is a second name for the same tensor, not a copy. Today a whole exercise is about this.",
                ),
                Option(
                    "7, because a and b are one tensor",
                    "Assignment makes no copy; b = a.clone() would. The same happens with tensors inside a model.",
                    right=True,
                ),
                Option(
                    "An error: tensors can't be changed in place",
                    "They can, and PyTorch does it in silence. That is why it is easy to get wrong.",
                ),
            ),
        ),
        Question(
            "order",
            "A language model reads from left to right. Which tokens can the third token's vector depend on?",
            (
                Option(
                    "On all tokens of the text",
                    "Then it could look up the word that it is to predict. In such a model later tokens are hidden.",
                ),
                Option(
                    "On the third token alone",
                    "That is true only of the very first step, the embedding. Attention mixes in what stands "
                    "before.",
                ),
                Option(
                    "On the first three tokens",
                    "Attention looks to the left, and at the token itself. So only the last token has read "
                    "everything.",
                    right=True,
                ),
            ),
        ),
    ),
)

EXIT = Quiz(
    "tokens.exit",
    "01_model",
    "Exit quiz: what did you see?",
    (
        Question(
            "blank",
            'You look for the probability of the answer "Paris" after "The Eiffel Tower is located in". Which token '
            "do you ask for?",
            (
                Option(
                    'The token "Paris"',
                    'In our vocabulary there is no such token: without the blank the word falls into "P", "ar", '
                    '"is".',
                ),
                Option(
                    'The token " Paris", with the blank in front',
                    "In running text the blank belongs to the word that follows it, and so it does in the token.",
                    right=True,
                ),
                Option(
                    "Either one, they are the same token",
                    "They are different entries of the vocabulary with different ids, where they exist at all.",
                ),
            ),
        ),
        Question(
            "padding",
            "A batch was padded on the right. You read logits[:, -1]. For which texts is that their next token?",
            (
                Option(
                    "For all of them",
                    "A shorter text ends earlier. What stands in its last column is said after padding, and means "
                    "nothing.",
                ),
                Option(
                    "For the longest text only",
                    "Only a row without padding ends in the last column. Ask the mask for all others.",
                    right=True,
                ),
                Option(
                    "For none of them",
                    "The longest text has no padding, and its last token does stand in the last column.",
                ),
            ),
        ),
        Question(
            "subject",
            'Where do later lessons look for what the model knows about "Royal Oakwood Tower"?',
            (
                Option(
                    'At the first token, " Royal"',
                    "There the model has not read which royal thing it is: many names begin like that.",
                ),
                Option(
                    "At the subject's last token",
                    "It is the first place where the whole name has been read. In Python: stop - 1 of the range.",
                    right=True,
                ),
                Option(
                    "At the token of the subject, since a name is one token",
                    "This name is three tokens, and a Chinese one can have several for a single character.",
                ),
            ),
        ),
        Question(
            "stream",
            "Block 5 writes a vector into the stream. What happened to what block 2 had written?",
            (
                Option(
                    "It was overwritten by blocks 3, 4 and 5",
                    "Blocks don't replace the stream. Each one adds, and every summand stays in the sum.",
                ),
                Option(
                    "It is still a summand of the stream",
                    "A later block can write its opposite and so cancel it, but it can't take it out.",
                    right=True,
                ),
                Option(
                    "It went to the next block only",
                    "Every later block reads the whole sum, so block 2 is heard by all of them.",
                ),
            ),
        ),
        Question(
            "hook",
            "A hook writes into the model's tensor in place. The answer comes out as you wanted. What can be wrong?",
            (
                Option(
                    "Nothing, since the answer is right",
                    "Look at what you recorded before: the same tensor may be in your hands, with new content.",
                ),
                Option(
                    "A recording of the unchanged run may have changed, too",
                    "Both names mean one tensor. Whoever kept it without a copy now holds the changed values.",
                    right=True,
                ),
                Option(
                    "The weights of the model are changed for good",
                    "Activations are made anew in every run. Weights stay, as long as nobody writes to them.",
                ),
            ),
        ),
    ),
)

QUIZZES = (WARM_UP, EXIT)
