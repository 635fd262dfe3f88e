"""The two quizzes of lesson 10: three questions before the work, five after it. Every option says why."""

from __future__ import annotations

from autograder.quizzes import Option, Question, Quiz

WARM_UP = Quiz(
    "ike.warm_up",
    "10_ike",
    "Warm-up: what do you expect?",
    (
        Question(
            "told",
            "A model knows that the Space Needle is in Seattle. Its prompt begins: 'New Fact: Space Needle "
            "is located "
            "in Taipei'. Where will it say the Space Needle is?",
            (
                Option(
                    "In Taipei, since the prompt says so",
                    "A prompt is text like any other. Whether the model prefers it to its weights depends "
                    "on what it "
                    "has learned to do with such text; you will measure it.",
                ),
                Option(
                    "In Seattle, since a prompt can't change what is in the weights",
                    "The prompt can't change the weights, and still it can change the answer: attention "
                    "reads it. How "
                    "often it does is a question for an experiment.",
                ),
                Option(
                    "That depends on the model: it may stay stubborn",
                    "Some models follow a lone sentence, others go on as if it were not there. The same "
                    "model can "
                    "follow one fact and resist another.",
                    right=True,
                ),
            ),
        ),
        Question(
            "locality",
            "Which property of lesson 02 asks that questions about other subjects keep their answers?",
            (
                Option(
                    "Generality (5.2)",
                    "Generality asks other wordings of the same question, which should change with the edit.",
                ),
                Option(
                    "Locality (5.4)",
                    "Yes. One of the three kinds of demonstrations in this lesson exists for it alone.",
                    right=True,
                ),
                Option(
                    "Portability (5.3)",
                    "Portability asks what follows from the new fact, so its answers should change too.",
                ),
            ),
        ),
        Question(
            "order",
            "Attention can look at every token of the context. Can it matter in which order the examples "
            "stand?",
            (
                Option(
                    "No, attention sees a set",
                    "Position enters by embeddings or rotations, and each state is built from what stood "
                    "before it. "
                    "Models are known to lean on what they read last.",
                ),
                Option(
                    "Yes, and often the last example weighs most",
                    "That is why IKE puts the most similar demonstration last. How much it matters here, "
                    "you will see.",
                    right=True,
                ),
                Option(
                    "Only for the first example",
                    "The first tokens do get much attention, but nothing makes the order of the rest "
                    "irrelevant.",
                ),
            ),
        ),
    ),
)

EXIT = Quiz(
    "ike.exit",
    "10_ike",
    "Exit quiz: what did you see?",
    (
        Question(
            "telling",
            "You tell a model one new fact, and it gives the new answer. Is the model edited?",
            (
                Option(
                    "Yes, that is what an edit is",
                    "Delete the prompt, and the old answer is back. Tell it another fact, and it may not "
                    "follow at all.",
                ),
                Option(
                    "For as long as the text stands before every prompt, and for this fact",
                    "A prompt edit lives in the text. It must be sent along each time, and a fact that was "
                    "followed "
                    "says little about the next one.",
                    right=True,
                ),
                Option(
                    "No, a prompt can never edit",
                    "In the sense of definition 5.1 the model together with its prompt is another model M*, "
                    "and it can "
                    "be judged by the same four properties.",
                ),
            ),
        ),
        Question(
            "retain",
            "Half of the demonstrations are of the kind retain. They never use the fact that they tell. Why "
            "did the authors keep them?",
            (
                Option(
                    "They fill the context up, which helps by itself",
                    "Every token costs time and space, and space is what a context lacks. They are meant to teach.",
                ),
                Option(
                    "They show that a new fact does not answer every question",
                    "Copy and update alone teach one rule: repeat the object that you just read. Retain "
                    "teaches to look at the subject first. (In our small model no effect is visible: "
                    "Break it, A.)",
                    right=True,
                ),
                Option(
                    "They tell the model the old answers of the edited subject",
                    "That would teach it to ignore new facts. Retain asks about a neighbour, never about "
                    "the subject.",
                ),
            ),
        ),
        Question(
            "weights",
            "IKE changes no weight. Is its locality therefore perfect?",
            (
                Option(
                    "Yes: the same weights give the same answers",
                    "The same weights give the same answers to the same text. But the text is another one "
                    "now, for "
                    "every question asked.",
                ),
                Option(
                    "No: every question is now read after another text, and any of them may change",
                    "Locality compares answers without the context and after it. Weights that were left "
                    "alone promise "
                    "nothing about that.",
                    right=True,
                ),
                Option(
                    "It can't be measured without weights that change",
                    "It is measured as for any edit: the same neighbours, asked before and after.",
                ),
            ),
        ),
        Question(
            "length",
            "A user asks for k = 32 demonstrations. The context holds 256 tokens. What should the edit do?",
            (
                Option(
                    "Cut the prompt to its last 256 tokens",
                    "The cut runs through a demonstration, and the pattern begins with half a sentence. The "
                    "answer has "
                    "no room either.",
                ),
                Option(
                    "Drop whole demonstrations, the least similar first, and keep room for the answer",
                    "Then what is left is well-formed. Here nine remain. Copies and updates stand in front and go "
                    "first: of k = 16 one update and eight retain are left, of k = 32 nine retain.",
                    right=True,
                ),
                Option(
                    "Send it anyway: longer contexts are only slower",
                    "Positions beyond the context were never trained, or don't exist: the model stops or "
                    "talks nonsense.",
                ),
            ),
        ),
        Question(
            "leak",
            "A script shows, as its last demonstration, the fact itself with its answer. The figures "
            "improve. Why?",
            (
                Option(
                    "The nearest demonstration is the most useful one",
                    "It is, but this one is not near the question, it is the question, and its answer "
                    "stands there.",
                ),
                Option(
                    "The model need only copy the answer of the line above",
                    "What is measured then is copying. A fact, or another one about its subject, must not "
                    "be among its "
                    "own demonstrations.",
                    right=True,
                ),
                Option(
                    "33 demonstrations are better than 32",
                    "One more of another fact would change next to nothing at that number.",
                ),
            ),
        ),
    ),
)

QUIZZES = (WARM_UP, EXIT)
