"""The two quizzes of lesson 12: three questions before the work, five after it. Every option says why."""

from __future__ import annotations

from autograder.quizzes import Option, Question, Quiz

WARM_UP = Quiz(
    "compare.warm_up",
    "12_compare",
    "Warm-up: eleven lessons in three questions",
    (
        Question(
            "where",
            "Where does ROME put a new fact, and where does SERAC?",
            (
                Option(
                    "Both into the weights of a middle FFN",
                    "ROME does. SERAC leaves every weight as it is and keeps the edit in a cache beside the "
                    "model.",
                ),
                Option(
                    "ROME into the weights of the model, SERAC into a cache beside it",
                    "Yes. The textbook calls the first kind internal and the second external.",
                    right=True,
                ),
                Option(
                    "Both beside the model",
                    "SERAC does. ROME changes one matrix of the model by a rank-one step.",
                ),
            ),
        ),
        Question(
            "sure",
            "Two methods edit the same 60 facts. A answers 57 of their questions, B answers 56. Is A better?",
            (
                Option(
                    "Yes, 57 is more than 56",
                    "On these 60. With 60 others it may be the other way round; nobody edits for the sake of "
                    "these 60.",
                ),
                Option(
                    "No, the two are equally good",
                    "That is not known either. One fact more or less is no proof of anything, neither of a "
                    "difference nor of its absence.",
                ),
                Option(
                    "That can't be told from two numbers so close",
                    "Yes. An interval says how far a rate may be off. You write one in this lesson.",
                    right=True,
                ),
            ),
        ),
        Question(
            "pays",
            "Who pays for an edit by IKE (lesson 10)?",
            (
                Option(
                    "Whoever asks a question, each time",
                    "Yes: the prompt gets longer. Seconds per edit do not show this cost, so one column is "
                    "never enough.",
                    right=True,
                ),
                Option(
                    "Whoever makes the edit, once",
                    "That is so for ROME or MEMIT. IKE's demonstrations are sent along with every question.",
                ),
                Option(
                    "Nobody, since no weight is changed",
                    "Tokens are read all the same, and the context has an end.",
                ),
            ),
        ),
    ),
)

EXIT = Quiz(
    "compare.exit",
    "12_compare",
    "Exit quiz: what can be read from a table?",
    (
        Question(
            "universal",
            "Table 5.2 of the book says that ROME's portability is 高. On our model it is 中. Who is wrong?",
            (
                Option(
                    "The book",
                    "Its levels come from one paper, with its models, its data and its questions. There they "
                    "were measured.",
                ),
                Option(
                    "We are: the levels belong to the method",
                    "A level belongs to a method on a model, with data and cuts. Of these four only the "
                    "method is the same here.",
                ),
                Option(
                    "Nobody: a level holds for one model, one set of facts and one pair of cuts",
                    "Yes. So a table of levels needs all of them beside it, or it says little.",
                    right=True,
                ),
            ),
        ),
        Question(
            "dash",
            "In the book's table KN has a dash for portability. What follows?",
            (
                Option(
                    "It was not tested, so nothing follows",
                    "Yes. Filling the cell with 低 invents a measurement, and leaving the row out hides one.",
                    right=True,
                ),
                Option(
                    "KN does not carry over to questions about consequences",
                    "Perhaps. The dash doesn't say so: it says that nobody asked.",
                ),
                Option(
                    "It is at least medium, or it would say 低",
                    "A dash is no level, neither low nor high.",
                ),
            ),
        ),
        Question(
            "everywhere",
            "Which method should one always use?",
            (
                Option(
                    "The one with the highest mean of the four rates",
                    "A mean says that a point of locality is worth a point of portability. Who decided that? "
                    "Your task should.",
                ),
                Option(
                    "The one that is highest in every column",
                    "On our model there is none: each method on the front gives up something. SERAC has the "
                    "best accuracy, generality and locality, and a portability as if it had not been edited.",
                ),
                Option(
                    "None: the front holds several, and the task chooses among them",
                    "Yes. What the front rules out are the methods that another one at least equals in all "
                    "that was measured, and beats in something.",
                    right=True,
                ),
            ),
        ),
        Question(
            "batch",
            "MEMIT writes 100 facts in one batch well. Will it also write 100 facts well, one after the other?",
            (
                Option(
                    "Yes, the sum of the changes is the same",
                    "It is not: a batch solves for all facts together. In a sequence every edit is made "
                    "without knowing the later ones, which push it away.",
                ),
                Option(
                    "That has to be measured: batch and sequence are two tests",
                    "Yes. In our record the two part after some dozens of edits.",
                    right=True,
                ),
                Option(
                    "No, MEMIT can't edit in sequence",
                    "It can. How long the model bears it is what the lifetime measures.",
                ),
            ),
        ),
        Question(
            "interval",
            "A method's interval for generality is [.80, .95], at 95 %, from 60 facts. What does it cover?",
            (
                Option(
                    "How the mean may differ had other facts been drawn, on the same model, in the same way",
                    "Yes. Another model, other questions or another seed of training are not in it, and they "
                    "often matter more.",
                    right=True,
                ),
                Option(
                    "95 % of the facts have a generality in it",
                    "Single facts lie anywhere between 0 and 1. The interval is for their mean.",
                ),
                Option(
                    "All that could change the rate",
                    "Only what was drawn again: the facts. A change of the protocol can throw a rate far out "
                    "of its interval.",
                ),
            ),
        ),
    ),
)

QUIZZES = (WARM_UP, EXIT)
