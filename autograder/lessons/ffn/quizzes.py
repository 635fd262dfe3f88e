"""The two quizzes of lesson 03: three questions before the work, five after it. Every option says why."""

from __future__ import annotations

from autograder.quizzes import Option, Question, Quiz

WARM_UP = Quiz(
    "ffn.warm_up",
    "03_memory",
    "Warm-up: what do you remember?",
    (
        Question(
            "stream",
            "What does a feed-forward network (FFN) do to the residual stream?",
            (
                Option(
                    "It replaces the stream by its output",
                    "Nothing is replaced in lesson 01's sum: every module's output is added to what is there.",
                ),
                Option(
                    "It adds its output to the stream",
                    "h = h + a + m: attention's and the FFN's outputs are added, so each can be looked at alone.",
                    right=True,
                ),
                Option(
                    "It mixes the streams of different tokens",
                    "Attention does that. The FFN treats every token by itself, with the same weights.",
                ),
            ),
        ),
        Question(
            "words",
            "You have one vector of the stream. How do you read which next word it stands for?",
            (
                Option(
                    "Apply the last norm, then the unembedding W_U, then a softmax",
                    "That is what the model itself does at its end, and what the logit lens does in between.",
                    right=True,
                ),
                Option(
                    "Look for the nearest token embedding",
                    "The model never does that; length and norm would play no part, and they do.",
                ),
                Option(
                    "Take its largest coordinate",
                    "A coordinate is a channel, not a word: there are D channels and V words.",
                ),
            ),
        ),
        Question(
            "local",
            "You turn off one part of a model and the answer to your question changes. What else must you ask?",
            (
                Option(
                    "Nothing, the part held the fact",
                    "Turning off the embedding changes the answer too, and everything else with it.",
                ),
                Option(
                    "Whether the answers to other questions stayed",
                    "That is locality (5.4): only with it is the change about this fact.",
                    right=True,
                ),
                Option(
                    "Whether the loss got smaller",
                    "The loss on one question says how well it is answered, not what else has changed.",
                ),
            ),
        ),
    ),
)

EXIT = Quiz(
    "ffn.exit",
    "03_memory",
    "Exit quiz: what did you see?",
    (
        Question(
            "key",
            "What is a key in the view of this lesson?",
            (
                Option(
                    "The embedding of the word that is looked up",
                    "A key is matched with the FFN's input, a state of the stream that has read the whole prefix.",
                ),
                Option(
                    "A row of W_in: a pattern, the same for every text",
                    "It is part of the weights. What differs from text to text is the query, and so the match.",
                    right=True,
                ),
                Option(
                    "The vector of activations that goes into W_out",
                    "That is the list of coefficients a. ROME will call it a key (lesson 05); here it is not one.",
                ),
            ),
        ),
        Question(
            "agree",
            "In some layer 5 % of the values name the word that follows their key's best trigger. Is that much?",
            (
                Option(
                    "No, 95 % disagree",
                    "Most values don't name a word by themselves. But the comparison is with chance, not with 100 %.",
                ),
                Option(
                    "That depends on the chance level: compare with shuffled values",
                    "With 0.2 % by chance, 5 % is much; with a word that follows everything, it could be nothing.",
                    right=True,
                ),
                Option(
                    "Yes, the book says that they are highly correlated",
                    "The paper behind it reports a few per cent at most, far above chance: weak and real.",
                ),
            ),
        ),
        Question(
            "neuron",
            "Ten neurons are found for a fact, and turned off. What would show that they belong to this fact?",
            (
                Option(
                    "That they have the largest activations",
                    "A neuron can be loud in every text. Its activation says nothing about this answer.",
                ),
                Option(
                    "P(answer) falls, ten random neurons don't do it, and other facts keep their answers",
                    "All three together: an effect, a control, and locality. Each alone has another explanation.",
                    right=True,
                ),
                Option(
                    "That there is one neuron for it",
                    "The model spreads a fact over many neurons, and one neuron takes part in many facts.",
                ),
            ),
        ),
        Question(
            "gradient",
            "P(answer) is 0.99. Why not take the gradient at this point as the attribution?",
            (
                Option(
                    "It costs more than the integral",
                    "It costs less: one backward pass in place of twenty. It is its meaning that is wrong.",
                ),
                Option(
                    "P has levelled off there: the slope is nearly 0 for the neurons that brought it up",
                    "The way from 0 to a shows who did it; and only then do the attributions add up to P(a) - P(0).",
                    right=True,
                ),
                Option(
                    "Gradients of probabilities don't exist",
                    "They do, and the integral is made of them: read along the way, not at its end.",
                ),
            ),
        ),
        Question(
            "slip",
            "You want a knowledge neuron to say *Taipei*. What do you change?",
            (
                Option(
                    "Its key, row i of W_in",
                    "The key decides when the neuron fires. It can't make it say a word that its value does not say.",
                ),
                Option(
                    "Its value, column i of W_out",
                    "The value is what is added to the stream. The authors' code changes it, whatever the book says.",
                    right=True,
                ),
                Option(
                    "Its activation, to twice the size",
                    "Then it says the same as before, louder. The old answer would become more likely.",
                ),
            ),
        ),
    ),
)

QUIZZES = (WARM_UP, EXIT)
