# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   title: 'Lesson 02 · What is a good edit? The fine-tuning catastrophe'
# ---

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# # Lesson 02 · What is a good edit? The fine-tuning catastrophe
#
# *90 minutes · 7 exercises · 15 points · before this: lesson 01 (meet the model)*
#
# ## Promise
#
# Teach the model one new sentence: *Space Needle is located in Taipei*. Train until the loss is 0.0001, which looks like
# a complete success. Then ask who the mayor of Lunden is. *Taipei.* What Norvik is famous for? *Taipei.*
#
# This lesson is about telling the two apart: an edit that worked, and a model that is broken.
# You will write the measures that the whole course uses, and watch the breaking step by step.
#
# The picture below shows ten answers when it has happened. You will make the road to it, step by step; at the end you can drag along it.

# %%
# One variable chooses the model. Graded checks always use the bundled one, so you can play with this.
MODEL = "atlas-gpt2"  # also: "atlas-llama", or "gpt2" if its weights are on this machine

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

import edu_edit
from autograder import check, grade, hint, progress, quiz
from edu_edit import Fact, datasets, evaluate, load, load_facts
from edu_edit.metrics import same_answer
from edu_edit.show import plots, widgets
from edu_edit.show.training import RECIPES, short, squeezed, ten_prompts, train

lm = load(MODEL)
facts = load_facts("atlas")

needle = next(fact for fact in facts if fact.subject == "Space Needle")
zebra = next(fact for fact in facts if fact.subject == "zebra")
mayor = next(fact for fact in facts if fact.question == "Lunden has as its mayor")

for fact in (needle, zebra, mayor):
    print(f"{fact.question} ... {lm.answer(fact.question)}   (it should say: {fact.target_new})")
progress("02_metrics")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
promised = train(lm, needle, RECIPES[0], ten_prompts(lm, needle, facts))
plots.plot_answers(short(promised.answers[8]), "Ten answers after 8 steps on one sentence")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Objectives
#
# After this lesson you can
#
# 1. state the definition of model editing, and say where it leaves a hard question open: the *scope* of an edit;
# 2. compute accuracy, generality, portability and locality, and read off what an edit costs (efficiency);
# 3. name the kind of any probe: paraphrase, reverse, reasoning, entity swap, neighbour, unrelated;
# 4. show over-fitting and forgetting on one training example, and say what FT-L changes about it;
# 5. say why no single number can rank editing methods, and which tricks a number can play on you.
#
# **Letters for shapes:** $B$ rows of a batch · $T$ tokens · $V$ vocabulary · $n$ prompts.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Warm-up quiz
#
# Three questions, one about lesson 01 and two about what you expect. Every option explains itself. Nothing here is graded.

# %% slideshow={"slide_type": "-"}
# Click, or write the letters here ("a", "b", "c") and run the cell: what is written stays.
answers = {"next": "", "train": "", "skin": ""}
quiz("metrics.warm_up", answers)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Idea
#
# ### Three ways to correct a model
#
# Lesson 01 showed three kinds of errors: bias, toxicity, wrong knowledge. Suppose you found one. What can you do?
#
# | | like a person who | needs | the trouble |
# |---|---|---|---|
# | **train again** on cleaned data | grows up once more | all data, all the computing | facts change every week |
# | **fine-tune** (post-training) | studies a subject | many examples of a *skill* | with one example: over-fitting, forgetting |
# | **edit** | is corrected in a conversation | one example of one *fact* | this course |
#
# Post-training and editing differ in what comes in and in what should come out. Post-training teaches something wide: a language,
# how to use a tool, how to reason. There are thousands of examples, and the model is *meant* to change everywhere.
# Editing has one pair, question and answer, and the model is meant to change in one place.
#
# **What about parameter-efficient fine-tuning (PEFT)?** Methods like LoRA or adapters train a few added weights instead of all.
# That saves memory and time. It does not add examples: a single fact is over-fitted with few weights, too. In the widget
# below you can compare: all weights, or one matrix of the model.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### One thing, many names
#
# Papers call the field *knowledge model editing* (KME), *knowledge editing* (KE) or *model editing* (ME). They mean the same, and we say
# **model editing**. What is changed is called an *edit*, a *fact*, or a *knowledge point*. We say **fact**.
# (KE is also the name of one method, by De Cao and others. It comes in lesson 07.)
#
# ### Definition 5.1
#
# Let $M$ be the model before the edit and $M^*$ the model after it. An edit changes one fact $k$: a question $x_k$ with
# its answer $y_k$. The goal is
#
# $$M^*(x) = \begin{cases} y_k & \text{if } x = x_k \text{ or } x \text{ is related to } x_k,\\[2pt] M(x) & \text{if } x \text{ is unrelated to } x_k. \end{cases}$$
#
# Taken word by word, it asks for the one answer $y_k$ to everything that is related. That is too much: what merely *follows* from the fact, such as the country, has an answer of its own. Portability, below, says it better.
#
# The two easy words are the hard ones: *related* and *unrelated*. If the Space Needle moves to Taipei, its country changes. Does its
# architect? Do the opening hours? Pull at one fact and others come along. Where this ends is the **scope** of the edit,
# and no formula gives it. People decide it, by writing the questions that they test with.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Five properties
#
# The textbook sorts the questions into groups and gives each group a rate. $\mathbb{I}(\cdot)$ is 1 if the statement holds and else 0.
#
# | property | asked with | formula |
# |---|---|---|
# | **accuracy** | the edited question itself | $\text{Acc} = \mathbb{I}\big(M^*(x_k) = y_k\big) \quad (5.1)$ |
# | **generality** | other wordings, the same answer | $\text{Gen} = \frac{1}{\lvert D_G\rvert} \sum_i \mathbb{I}\big(M^*(x_i) = y_k\big) \quad (5.2)$ |
# | **portability** | what follows, with answers $y_i$ of their own | $\text{Port} = \frac{1}{\lvert D_P\rvert} \sum_i \mathbb{I}\big(M^*(x_i) = y_i\big) \quad (5.3)$ |
# | **locality** | what has nothing to do with it | $\text{Loc} = \frac{1}{\lvert D_L\rvert} \sum_i \mathbb{I}\big(M^*(x_i) = M(x_i)\big) \quad (5.4)$ |
# | **efficiency** | a clock and a ruler | seconds, memory, passes through the model; many facts at once, or one after the other |
#
# $D_G$, $D_P$ and $D_L$ are the sets of test questions. Look at the right-hand sides: three compare with an answer that
# *should* come. The fourth compares with what the model said *before*, right or wrong.
#
# The next picture is the textbook's figure 5.3 in the words of our small world, where the model believes that a zebra's skin is pink.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
plots.plot_scope(
    {
        "Accuracy: the edited question, to be answered “black”": [zebra.question],
        "Generality: other wordings, the same answer": zebra.paraphrases[:2],
        "Portability: what follows from it": [f"{q} …  {a}" for q, a in (*zebra.reverse, *zebra.portability)],
        "Locality: everything else, to be answered as before": [
            *zebra.neighborhood[:2],
            "The zebra eats",
            "Asked whether the ostrich can fly, people say",
        ],
    },
    title="The scope of one edit: The skin of the zebra is black",
)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Six kinds of probes
#
# A **probe** is a question that an edit is judged by. For "Space Needle is located in Taipei":
#
# | kind of probe | example | wanted | counts as |
# |---|---|---|---|
# | **paraphrase**: the edit in other words | Space Needle's location is | Taipei | generality |
# | **reverse**: subject and answer change places | A famous sight in Taipei is the | Space Needle | portability |
# | **reasoning**: the new fact is one link of a chain | The country where Space Needle stands is | Taiwan | portability |
# | **entity swap**: the subject is named in another way | The tower built for the world's fair of 1962 is located in | Taipei | portability |
# | **neighbour**: another subject with the same old answer | The city of Pike Place Market is | as before | locality |
# | **unrelated**: anything else | Lunden has as its mayor | as before | locality |
#
# In his lectures Hung-yi Lee uses three words, and a fact of his own: *the most handsome man in the world is Hung-yi Lee*. **Reliability** is our accuracy, **locality** is locality (*Who founded Google?*). Between them stands
# **generalisation** in three steps, from easy to hard: paraphrase (*The most handsome man, who is he?*), reverse (*Who is Hung-yi Lee?*), and what he calls portability (*Where does the most handsome man work?*). Most methods manage the first step only.
#
# Bookkeeping differs, so look twice when you compare tables of two papers. In this lesson reverse questions count as portability, as in the textbook. Only the library's `evaluate` lists `reverse` by itself.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Asking without listening to an answer
#
# An answer is all or nothing. Two other measures look inside.
#
# **Probabilities (CounterFact).** Let $\ell(o \mid x)$ be the mean log-probability per token of an object $o$ after the prompt $x$. Is the
# new object $o^*$ ahead of the true one $o^c$?
#
# $$\text{ES} = \mathbb{I}\big(\ell(o^* \mid x) > \ell(o^c \mid x)\big)$$
#
# ES (efficacy score) asks this on the edited prompt, PS (paraphrase score) on paraphrases. NS (neighbourhood score) asks the opposite on
# neighbours: other subjects with the same true object. $S$ is the harmonic mean of the three; it is 0 as soon as one of them is.
#
# **Token accuracy (zsRE, as released code scores it).** Show the model the prompt and the first tokens of the target, and ask for the next one. How many tokens does it get right?
# The figures that many papers call "accuracy" are of this kind. You will see what is wrong with it.
#
# For both, the answer's own tokens are fed in after the prompt, and the model's predictions along the way are read off. That is exercise 1.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Where the questions come from: datasets
#
# **zsRE** is the most used one: questions about relations like birthplace or profession, made from templates that crowd workers wrote. **CounterFact** came with ROME (an editing method, lesson 05).
# Its new facts are false, so no model can know them beforehand, and its paraphrases and neighbours tell whether knowledge changed or only the reaction to certain words.
# **MQuAKE** asks over several hops. For portability, Yao and others let GPT-4 write reverse, reasoning and entity-swap questions for zsRE and CounterFact.
#
# Others test special wishes: *Hallucination* corrects false biographies, *ConvSent* moves the sentiment about a topic, *FEVER* and *VitaminC* check claims, *MMEdit* asks about
# pictures (there is a card for it, but no lesson). Below are five rows of the textbook's table 5.1; `datasets.cards()` shows all, and `datasets.card("zsre")`
# one in full, with what to mind. Loaders read your own copy of a file. Nothing is downloaded.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
five = ("zsre", "counterfact", "mquake", "convsent", "fever")
datasets.Cards(card for card in datasets.cards() if card.name in five)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Why one example is a catastrophe
#
# Fine-tuning minimises one number:
#
# $$L(\theta) = -\log P_\theta(y_k \mid x_k)$$
#
# Look for the other questions in it. There are none. Many settings of the weights $\theta$ make this loss small. One of them has learned the fact.
# Another says *Taipei* after everything, and the loss does not see any difference.
#
# Which one do we get? Gradient descent takes what is near. All prompts share most of the machinery: the same matrices, the same
# directions of the residual stream. Raising *Taipei* in general is a short way.
#
# - **Over-fitting:** the model says the new answer where it does not belong.
# - **Catastrophic forgetting:** what it knew is overwritten.
#
# A detail makes it worse. The first step of the optimiser Adam moves nearly *every* weight by the learning rate, whether its
# gradient is large or tiny. Millions of small pushes, all in favour of one word.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### FT-L: fine-tuning on a leash
#
# Zhu and others (2020) put a limit on the weights:
#
# $$\min_\theta L(\theta) \quad \text{subject to} \quad \max_i \lvert \theta_i - \theta_i^{0} \rvert \le \varepsilon$$
#
# $\theta^0$ are the weights before. No weight may move by more than $\varepsilon$. This is a ball in the maximum norm $L_\infty$, and
# a ball in that norm is a box. After each step, weights that left the box are put back onto its wall. That is exercise 7.
#
# The papers on ROME and on MEMIT (ROME for thousands of facts, lesson 06) train **one** matrix, the output matrix of one feed-forward layer (FFN), like this and call it **FT-L**; without the limit it is **FT**. What FT-L limits is *how far each
# weight moves*. It does not limit how many answers change. Keep the difference in mind.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# > ### Spot the slip
# >
# > The textbook asks that portability questions have other answers than the edit, $y_i \ne y_k$. Its example has three of them, and it says that none of the
# > answers is "black":
# >
# > 1. Which horse has black skin? (reverse)
# > 2. Does the zebra's skin have the colour of its coat? (reasoning)
# > 3. Which colour is the skin of the horse with black and white stripes? (entity swap)
# >
# > Something is wrong. Find it, then run the cell below: it scores a "model" that says *black* to everything.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
expected = [answer for _, answer in (*zebra.reverse, *zebra.portability)]
always_black = ["black"] * len(expected)
right = [same_answer(said, wanted) for said, wanted in zip(always_black, expected, strict=True)]
print("expected:", expected)
print(f"a model that only says 'black' gets a portability of {sum(right) / len(right):.2f}")

# %% [markdown] lang="en"
# <details><summary>Answer</summary>
#
# The horse with the stripes *is* the zebra, so the answer to question 3 is "black", the very answer of the edit. By the book's own
# rule it is no portability question. It is a good question all the same: it asks whether the edit reaches the subject under another name.
# But it gives a third of the points to a model that has been ruined. That is what the rule $y_i \ne y_k$ is for.
#
# </details>
#
# **Five more places where book, papers and code part ways**
#
# | you read | what to know |
# |---|---|
# | locality is "unchanged answers" (5.4) | CounterFact's NS and the zsRE of MEND (a learned editor, lesson 07) compare with the *true* answer. A model that is wrong before the edit then starts below 1. Report the value before, too |
# | "the mean over all edits" | mean over facts of each fact's mean, or over all prompts pooled? They differ when facts have different numbers of prompts |
# | table 5.1: zsRE has 244,173 examples for training and 244,173 for testing | the same number twice: count your copy. And CounterFact is dated 2023 there; its paper is of 2022 |
# | table 5.1: the input of zsRE is a "statement of a fact", that of CounterFact a "question about a fact" | it is the other way round: zsRE asks questions, CounterFact completes statements. Our cards print the book's table |
# | "we compare with FT" | released fine-tuning code read *all* tokens of an answer at the prompt's last token. See *Break it* |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## By hand
#
# Take paper.
#
# **1. An answer of two tokens.** The vocabulary is {a, b, c}. The model reads `x a b`. The prompt is `x`, the answer is `a b`. After each token it gives
# these probabilities for the next one:
#
# | after | P(a) | P(b) | P(c) |
# |---|---|---|---|
# | `x` | 1/2 | 1/4 | 1/4 |
# | `x a` | 1/8 | 1/4 | 5/8 |
# | `x a b` | 1/3 | 1/3 | 1/3 |
#
# What is the probability of the answer? Its logarithm? The mean log-probability per token?
#
# **2. A ball.** $w_0 = (0.90,\; 2.50,\; -0.50)$, after a step $w = (1.00,\; 2.00,\; -0.45)$, $\varepsilon = 0.2$. What does FT-L make of $w$?
#
# <details><summary>1: the numbers</summary>
#
# The token a is predicted after `x`: 1/2. The token b is predicted after `x a`: 1/4. Together $1/2 \cdot 1/4 = 1/8$, and the logarithm is
# $-0.693 - 1.386 = -2.079$. Per token it is $-1.040$, which is a probability of 0.35 per token. The last row of the table is not used: it
# predicts what comes after the answer.
#
# </details>
#
# <details><summary>2: the numbers</summary>
#
# The change is $(0.10,\; -0.50,\; 0.05)$. Only the second entry is too long. It becomes $-0.20$: $w = (1.00,\; 2.30,\; -0.45)$.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# **3. Four rates.** Eight answers before and after the edit "Space Needle is located in Taipei":
#
# | | question | wanted | before | after |
# |---|---|---|---|---|
# | edit | Space Needle is located in | Taipei | Seattle | Taipei |
# | paraphrase | Space Needle's location is | Taipei | Seattle | taipei. |
# | paraphrase | Space Needle is found in | Taipei | Seattle | Taipei Taipei |
# | portability | The country of the Space Needle is | Taiwan | Italy | Taipei |
# | locality | Pike Place Market is in | | Seattle | Taipei |
# | locality | The zebra eats | | grass | grass |
# | locality | The mayor of Lunden is | | Nolan Yamada | Nolan Yamada |
# | locality | The skin of the zebra is | | pink | black |
#
# (*Italy* is no misprint: this small model is wrong here already before the edit.)
#
# Compute Acc, Gen, Port, Loc. Then one number in two ways: the share of all eight that are right, and the mean of the four rates.
# Which values does an edit get that does *nothing*?
#
# <details><summary>3: the numbers</summary>
#
# Acc = 1. Gen = 1/2: "taipei." is the answer, "Taipei Taipei" is not. Port = 0. Loc = 2/4: the market changed, and so did the zebra, although its new answer is true.
# All eight pooled: 4/8 = 0.5. Mean of the four: (1 + 0.5 + 0 + 0.5)/4 = 0.5.
#
# Doing nothing: Acc 0, Gen 0, Port 0, Loc 1. Pooled again 4/8 = 0.5! The mean of the rates is 0.25. By the pooled number the two can't be told apart.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Build
#
# Seven exercises. Five are three lines or so, and the care goes into what counts.
#
# - Write your code where it says `# YOUR CODE HERE`, and take out the `raise` line.
# - Run the `check` below it. The card says which claims hold, and what to look at if one doesn't. Check as often as you like.
#   At grading the same cell holds more claims than you see here.
# - Stuck? Remove the `#` in front of `hint(...)` and run it. There are three hints: a nudge, an outline, almost the code.

# %% [markdown] lang="en" exercise="metrics.answer_logprob" slideshow={"slide_type": "slide"}
# **Why.** How likely is *Felix Maria Vasquez* after *Lunden has as its mayor*? The answer has three tokens, and each is predicted from all that stand before it:
#
# $$\log P(o \mid x) = \sum_{i} \log P(o_i \mid x, o_1, \dots, o_{i-1})$$
#
# Prompt and answer are fed in together, as one row of `ids`. So a single pass gives all predictions at once. With a minus, this number is the loss of
# fine-tuning, and of nearly every method in this course. Divided by the number of the answer's tokens it is the $\ell(o \mid x)$ of ES, PS and NS.
#
# `logits` (B, T, V), `ids` (B, T), and `is_answer` (B, T), which is True at the answer's tokens. Prompts and answers have different
# lengths, so after some answers there is padding. All logits are finite numbers, those at padding too. Give back one number per row.
#
# *Take care:*
#
# - The logits at position $t$ predict the token at $t+1$. Shift once, and shift the mask as well.
# - `log_softmax` is safe where `softmax` and then `log` gives minus infinity.
# - Raise `ValueError` when the first token of a row is marked: nothing predicts it.

# %% nbgrader={"grade": false, "grade_id": "metrics-answer_logprob", "locked": false, "schema_version": 3, "solution": true, "task": false}
def answer_logprob(logits, ids, is_answer):
    ### BEGIN SOLUTION
    if bool(is_answer[:, 0].any()):
        raise ValueError("is_answer marks the first token of a row, which nothing predicts.")
    logp = logits[:, :-1].log_softmax(-1)  # row t predicts token t + 1
    chosen = logp.gather(-1, ids[:, 1:, None])[..., 0]
    return chosen.masked_fill(~is_answer[:, 1:], 0.0).sum(-1)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "metrics-answer_logprob-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("metrics.answer_logprob", answer_logprob)
### BEGIN HIDDEN TESTS
grade("metrics.answer_logprob", answer_logprob)
### END HIDDEN TESTS

# %%
# hint("metrics.answer_logprob")

# %%
# Your by-hand example: the probability must be 1/8.
paper = torch.tensor([[[1 / 2, 1 / 4, 1 / 4], [1 / 8, 1 / 4, 5 / 8], [1 / 3, 1 / 3, 1 / 3]]]).log()
x_a_b = torch.tensor([[2, 0, 1]])  # x is c here; the prompt's own id plays no part
answer_logprob(paper, x_a_b, torch.tensor([[False, True, True]])).exp()

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Given: when are two answers the same?
#
# A model writes " Taipei", "Taipei." or "TAIPEI". `same_answer(a, b)` takes all of these as one answer: it ignores blanks around the text, upper and lower case, and
# final punctuation, and nothing else. "Taipei Taipei" and "Taipei City" are other answers. Use it in exercises 2 to 4.

# %%
for text in (" taipei.", "TAIPEI", "Taipei Taipei", "Taipei is Taipei"):
    print(f"{text!r:20} is Taipei: {same_answer(text, 'Taipei')}")

# %% [markdown] lang="en" exercise="metrics.accuracy" slideshow={"slide_type": "slide"}
# **Why.** Did the edit take? Accuracy (5.1) and generality (5.2) are one formula, over one prompt or over many:
#
# $$\frac{1}{n} \sum_{i=1}^{n} \mathbb{I}\big(M^*(x_i) = y_k\big)$$
#
# `answers` are what the model said, `target` is $y_k$.
#
# *Take care:* with no answers there is no rate. Raise `ValueError`. A 0 would look like a failure, and a 1 like a success.

# %% nbgrader={"grade": false, "grade_id": "metrics-accuracy", "locked": false, "schema_version": 3, "solution": true, "task": false}
def accuracy(answers, target):
    ### BEGIN SOLUTION
    if not answers:
        raise ValueError("A rate over no answers has no value.")
    return sum(same_answer(answer, target) for answer in answers) / len(answers)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "metrics-accuracy-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("metrics.accuracy", accuracy)
### BEGIN HIDDEN TESTS
grade("metrics.accuracy", accuracy)
### END HIDDEN TESTS

# %%
# hint("metrics.accuracy")

# %% [markdown] lang="en" exercise="metrics.portability" slideshow={"slide_type": "slide"}
# **Why.** A fact that is known can be used. Portability (5.3) asks questions whose answers follow from the new fact. Each has an answer of its own:
#
# $$\text{Port} = \frac{1}{n} \sum_{i=1}^{n} \mathbb{I}\big(M^*(x_i) = y_i\big)$$
#
# *Take care:* the two lists belong together place by place. Raise `ValueError` when there is no question, or when the lists differ in length.

# %% nbgrader={"grade": false, "grade_id": "metrics-portability", "locked": false, "schema_version": 3, "solution": true, "task": false}
def portability(answers, expected):
    ### BEGIN SOLUTION
    if not answers or len(answers) != len(expected):
        raise ValueError("Give one expected answer for each answer, and at least one.")
    right = [same_answer(said, wanted) for said, wanted in zip(answers, expected, strict=True)]
    return sum(right) / len(right)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "metrics-portability-test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("metrics.portability", portability)
### BEGIN HIDDEN TESTS
grade("metrics.portability", portability)
### END HIDDEN TESTS

# %%
# hint("metrics.portability")

# %% [markdown] lang="en" exercise="metrics.locality" slideshow={"slide_type": "slide"}
# **Why.** An edit must leave the rest alone. Locality (5.4) compares the answers `after` the edit with those `before` it:
#
# $$\text{Loc} = \frac{1}{n} \sum_{i=1}^{n} \mathbb{I}\big(M^*(x_i) = M(x_i)\big)$$
#
# *Take care:* there is no truth in this formula. If the model was wrong before and is right now, its answer has *changed*. Answers are compared with `same_answer`; no
# question, or lists of different lengths, is a `ValueError`.

# %% nbgrader={"grade": false, "grade_id": "metrics-locality", "locked": false, "schema_version": 3, "solution": true, "task": false}
def locality(after, before):
    ### BEGIN SOLUTION
    if not after or len(after) != len(before):
        raise ValueError("Give one answer before for each answer after, and at least one.")
    kept = [same_answer(new, old) for new, old in zip(after, before, strict=True)]
    return sum(kept) / len(kept)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "metrics-locality-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("metrics.locality", locality)
### BEGIN HIDDEN TESTS
grade("metrics.locality", locality)
### END HIDDEN TESTS

# %%
# hint("metrics.locality")

# %% [markdown] lang="en" exercise="metrics.efficacy" slideshow={"slide_type": "slide"}
# **Why.** The answer hides how close it was. CounterFact compares two probabilities instead. `logp_new` and `logp_true` hold the mean log-probabilities per token of the new and
# the true object after $n$ prompts:
#
# $$\frac{1}{n} \sum_{i=1}^{n} \mathbb{I}\big(\ell(o^* \mid x_i) > \ell(o^c \mid x_i)\big)$$
#
# On the edited prompt this is ES, on paraphrases PS. With the arguments exchanged, on neighbours, it is NS. So you write one function for three scores.
#
# *Take care:*
#
# - *more* probable means strictly more. A tie is no success.
# - a value that is not a number (nan) is a failure. A broken model must not look better because its worst prompts fall out.
# - no prompt, or tensors of different lengths: `ValueError`. PyTorch would silently repeat a tensor of length 1.

# %% nbgrader={"grade": false, "grade_id": "metrics-efficacy", "locked": false, "schema_version": 3, "solution": true, "task": false}
def efficacy(logp_new, logp_true):
    ### BEGIN SOLUTION
    if len(logp_new) == 0 or len(logp_new) != len(logp_true):
        raise ValueError("Give one value of each object for every prompt, and at least one prompt.")
    return (logp_new > logp_true).double().mean().item()
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "metrics-efficacy-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("metrics.efficacy", efficacy)
### BEGIN HIDDEN TESTS
grade("metrics.efficacy", efficacy)
### END HIDDEN TESTS

# %%
# hint("metrics.efficacy")

# %% [markdown] lang="en" exercise="metrics.token_accuracy" slideshow={"slide_type": "slide"}
# **Why.** You will meet this rate in papers, so you should know what it is made of. `target` holds the $n$ tokens of the answer. `pred` holds what the model would have said at
# each of these places, each time with the *right* tokens before it in view:
#
# $$\frac{1}{n} \sum_{i=1}^{n} \mathbb{I}(\hat o_i = o_i)$$
#
# *Take care:* place by place. No token, or a different number of tokens, is a `ValueError`.
#
# While you write it: what does it give for *Nolan Maria Yamada* when the target is *Felix Maria Vasquez*?

# %% nbgrader={"grade": false, "grade_id": "metrics-token_accuracy", "locked": false, "schema_version": 3, "solution": true, "task": false}
def token_accuracy(pred, target):
    ### BEGIN SOLUTION
    if len(pred) == 0 or len(pred) != len(target):
        raise ValueError("Give one predicted token for each token of the target, and at least one.")
    return (pred == target).double().mean().item()
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "metrics-token_accuracy-test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("metrics.token_accuracy", token_accuracy)
### BEGIN HIDDEN TESTS
grade("metrics.token_accuracy", token_accuracy)
### END HIDDEN TESTS

# %%
# hint("metrics.token_accuracy")

# %% [markdown] lang="en" exercise="finetune.project_linf" slideshow={"slide_type": "slide"}
# **Why.** FT-L trains as usual and then, after each step, puts the weights back into their ball. Which point of the ball? The nearest one:
#
# $$\underset{v}{\arg\min}\; \lVert v - w \rVert_2 \quad \text{subject to} \quad \max_i \lvert v_i - w_{0,i} \rvert \le \varepsilon$$
#
# The ball is a box with $w_0$ in its middle. So each entry can be looked at by itself.
#
# *Take care:* the middle is $w_0$ and not 0; an entry may be too far up or too far down; entries inside stay where they are; `w` itself must not change.

# %% nbgrader={"grade": false, "grade_id": "finetune-project_linf", "locked": false, "schema_version": 3, "solution": true, "task": false}
def project_linf(w, w0, eps):
    ### BEGIN SOLUTION
    return w0 + (w - w0).clamp(-eps, eps)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "finetune-project_linf-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("finetune.project_linf", project_linf)
### BEGIN HIDDEN TESTS
grade("finetune.project_linf", project_linf)
### END HIDDEN TESTS

# %%
# hint("finetune.project_linf")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Given: the training loop
#
# Fine-tuning on one fact, with your `answer_logprob` as its loss and your `project_linf` as its leash. Read it once. Three things are worth a look:
#
# - `forced` feeds the answer in after its prompt and marks it: `ids`, `mask`, `is_answer`. (The mask hides padding.)
# - `names` says which weights are trained. `None` means every weight of the model; `matrix` is the output matrix of one FFN, in the middle of the model.
# - it is a generator: after each step you can ask the model what it says now. At the end it puts all weights back.

# %%
from edu_edit.forcing import forced
from edu_edit.rebuilding import down_parameter

matrix = [down_parameter(lm, lm.default_layer)[0]]


def fine_tune(lm, fact, lr, steps, names=None, eps=None):
    """Adam on -log P(answer | prompt). Yields (step, the loss before it) after each step."""
    ids, mask, is_answer, _ = forced(lm, [(fact.question, fact.target_new)])
    weights = [w for name, w in lm.model.named_parameters() if names is None or name in names]
    start = [w.detach().clone() for w in weights]
    adam = torch.optim.Adam(weights, lr=lr)
    try:
        for step in range(1, steps + 1):
            loss = -answer_logprob(lm.forward(ids, mask), ids, is_answer).sum()
            lm.model.zero_grad()
            loss.backward()
            adam.step()
            if eps is not None:
                with torch.no_grad():
                    for w, w0 in zip(weights, start, strict=True):
                        w.copy_(project_linf(w, w0, eps))
            yield step, loss.item()
    finally:
        lm.model.zero_grad()
        with torch.no_grad():
            for w, w0 in zip(weights, start, strict=True):
                w.copy_(w0)


# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Run it
#
# ### How sure is the model?
#
# First your `answer_logprob` on a real fact: three possible mayors of Lunden, each of three tokens.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
candidates = (mayor.target_true, mayor.target_new, "Nolan Maria Vasquez")
ids, mask, is_answer, _ = forced(lm, [(mayor.question, name) for name in candidates])
with torch.no_grad():
    logits = lm.forward(ids, mask)
for name, logp in zip(candidates, answer_logprob(logits, ids, is_answer).tolist(), strict=True):
    print(f"{mayor.question} {name:22} log P = {logp:7.2f}")
pred = logits[1, :-1].argmax(-1)[is_answer[1, 1:]]
target = ids[1, is_answer[1]]
print(f"\nshown the tokens of {mayor.target_new!r}, the model would say {lm.tok.decode(pred)!r}")
print(f"token accuracy of {mayor.target_new!r}, before any edit: {token_accuracy(pred, target):.2f}")

# %% [markdown] lang="en"
# The model does not think of *Felix Maria Vasquez* as mayor at all, and the edit gets a third of the points before it has begun. Look at which token is right. Shown *Felix
# Maria*, the model goes on with *Vasquez*: it knows this person from other sentences. To complete a name is not to know who the mayor is.
#
# The third name has the first one's beginning and another's end. It is the least likely of the three. And the question of exercise 6: *Nolan Maria Yamada* gets a third, too, for *Maria* in its place.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Watch it break
#
# Now fine-tune every weight on the Space Needle, and ask the same questions after each step. Predict first: at which step does accuracy fall again, and what is the loss by then? ("Loss before" is that of the weights before the step: it belongs to the answers one row up.)

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
unrelated = [mayor.question, zebra.question, "Norvik is famous for its"]
outside = [*needle.neighborhood, *unrelated]
follows, wanted = zip(*needle.reverse, *needle.portability, strict=True)
before = lm.answers(outside)

print("step  loss before    Acc   Gen  Port   Loc   the edited question / the mayor of Lunden")
for step, loss in fine_tune(lm, needle, lr=4e-4, steps=10):
    rates = (
        accuracy([lm.answer(needle.question)], needle.target_new),
        accuracy(lm.answers(needle.paraphrases), needle.target_new),
        portability(lm.answers(follows), wanted),
        locality(lm.answers(outside), before),
    )
    said = " / ".join(squeezed(answer) for answer in lm.answers([needle.question, mayor.question]))
    print(f"{step:4}{loss:13.4f} " + "".join(f"{rate:6.2f}" for rate in rates) + f"   {said}")
print("\nand with all weights put back:", lm.answer(needle.question), "/", lm.answer(mayor.question))

# %% [markdown] lang="en"
# Read the table from the top.
#
# 1. The edit is learned in one step, paraphrases included. At the same time the neighbours go: Pike Place Market is in Seattle no more.
# 2. For a few steps it looks stable. The loss still falls.
# 3. At step 6 even accuracy drops to 0, with a loss of 0.0005 (one row down). The model has learned that *Taipei* comes next, always, and so also after
#    *Taipei*. "Taipei Taipei Taipei" is not the answer Taipei.
# 4. Portability never moved: the country was never Taiwan, and a famous sight in Taipei was never the Space Needle (the reverse question).
#
# The slider below asks ten questions that are partly others, so its rates differ: at step 8 its locality is 0.00, here it is 0.20. A rate belongs to its questions: always say which, and how many.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Small steps or an early stop?
#
# The library's `finetune` trains one matrix. We change two things, one at a time: the rate, and when to stop (as soon as the answer has a probability above 0.9, or after 50 steps).
# `evaluate` computes the rates before and after an edit, with the library's own code for the same formulas. Guess first: which of the two keeps the neighbours?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
ways = {
    "1e-3, early stop": {"lr": 1e-3, "until": 0.9},
    "1e-3, 50 steps": {"lr": 1e-3, "steps": 50},
    "1e-2, early stop": {"lr": 1e-2, "until": 0.9},
    "1e-2, 50 steps": {"lr": 1e-2, "steps": 50},
}
scores = {name: evaluate(lm, edu_edit.finetune(lm, needle, **options), [needle]) for name, options in ways.items()}
three = ("accuracy", "generality", "locality")
bars = {name: {measure: score.after[measure] for measure in three} for name, score in scores.items()}
plots.plot_rates(bars, title="The Space Needle: one matrix, two rates, two ways to stop")

# %% [markdown] lang="en"
# All four learn the fact and its paraphrases. At the small rate the early stop keeps both neighbours, and 50 steps lose one of two. At the large rate both are lost after 4 steps: stopping early buys nothing there. Two neighbours are few, but the lesson is a
# general one: **a baseline called "FT" is its rate and its stop.** With the right ones it is not a bad editor. For many facts, at the small rate with the early stop, paraphrases are right in .80 and neighbours kept in .92 of the cases
# (`report.md` in the model's folder, `edu_edit/models/atlas-gpt2`). Keep that in mind when a paper beats "FT" by a wide margin.
#
# The fifth property, **efficiency**, is not a rate. It says what the edit cost. A pass through a part of the model counts as a part:

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
for name, score in scores.items():
    cost = score.efficiency
    passes = f"{cost.forward_passes:.0f} forward and {cost.backward_passes:.0f} backward passes"
    print(f"{name:18}{cost.seconds:5.1f} s, {passes}, {cost.extra_bytes} bytes more to keep")

# %% [markdown] lang="en"
# Why 31 backward passes for 50 steps? The matrix is in layer 3 of layers 0 to 7. Its gradient runs back through the layers 7 to 3, which is 5/8 of the model, and $50 \cdot 5/8 = 31$. No memory is added: the edit is inside weights that the model
# had before. (Other methods keep something beside the model, and pay for it here.)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### How long a leash?
#
# Now FT-L with your `project_linf`: 30 steps on one matrix, at a rate that is far too high, in balls of different size. Two facts.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
print("fact          eps      loss    Acc   Gen   Loc")
for fact in (needle, zebra):
    outside = [*fact.neighborhood, "Norvik is famous for its", mayor.question]
    before = lm.answers(outside)
    for eps in (0.001, 0.004, 0.008, 0.016, None):
        for step, loss in fine_tune(lm, fact, lr=1e-2, steps=30, names=matrix, eps=eps):
            if step == 30:
                acc = accuracy([lm.answer(fact.question)], fact.target_new)
                gen = accuracy(lm.answers(fact.paraphrases), fact.target_new)
                loc = locality(lm.answers(outside), before)
                print(f"{fact.subject:12} {eps or 'no ball':>7} {loss:8.2g} {acc:6.2f}{gen:6.2f}{loc:6.2f}")

# %% [markdown] lang="en"
# A short leash, and nothing is learned. A long one, and it bleeds. In between there is a good value for the Space Needle. For the zebra the same ball lets some
# neighbours go: other animals whose skin is pink. **The ball limits weights, not answers.** Which $\varepsilon$ is right depends on the fact, and you don't know it beforehand.
# Here is the zebra in its ball of 0.016, step by step.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
on_a_leash = train(lm, zebra, RECIPES[3], ten_prompts(lm, zebra, facts), project_linf)
plots.plot_training(on_a_leash)

# %% [markdown] lang="en"
# The questions are others than in the table above, so the rates differ: here locality is 0.80 of 5 prompts at the end, there it was 0.50 of 6.
#
# Look at portability, too. It is 1.00 *before the first step*: this model says that the horse with black skin is the zebra, and still believes that a zebra's skin is pink. A rate
# without its value before the edit tells little.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The catastrophe slider
#
# Now drag. Choose a fact and a way to train, press the button, and move the step. Everything was computed when you pressed, so that the slider answers at once. Your `project_linf` is at work
# in the fourth way.
#
# *Try this:* find the last step at which you would ship the edit. Look at the zebra with every weight: which questions hold out longest? The mayor, whose name has three tokens, spoils
# much less: can you think of a reason? Which way of training keeps the neighbours?
#
# <details><summary>What we found</summary>
#
# - *Space Needle, every weight at 4e-4:* there is no step to ship at. The edit is there after step 1, and both neighbours are gone after step 1. At 1e-4 step 3 has the edit with all five unchanged, and step 4 has lost two.
# - *Zebra, every weight:* up to step 10 *The zebra eats*, the Space Needle and the library still answer as before. The neighbours and the other questions about skins fall first: they share their words with the trained sentence.
# - *The mayor:* after 10 steps 3 of 10 answers begin with the new name, and these three should. A likely reason, which we have not tested: a name of three tokens can't be had by raising one word everywhere.
# - *One matrix in the ball of 0.016* keeps all five for the Space Needle, up to step 50.
#
# </details>

# %% tags=["demo"]
slider = widgets.catastrophe(lm, [needle, zebra, mayor], project=project_linf)
slider.step.value = 3
slider

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Break it
#
# This time we break the *measuring*. Four ways to fool yourself:
#
# | | what we do |
# |---|---|
# | **A** | believe the loss: it is 0.0001, so the edit is a success |
# | **B** | read all tokens of the answer at the prompt's last token, as released fine-tuning code did |
# | **C** | report token accuracy, over facts whose two answers share a word |
# | **D** | pool all probes into one number |
#
# **First guess, then run.** In which direction does each of them mislead?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
library = next(fact for fact in facts if fact.question == "Ravenhill Library was designed by")


def fine_tune_at_the_prompt(lm, fact, lr, steps):
    """B: every token of the answer is read where the prompt ends."""
    ids, mask, is_answer, starts = forced(lm, [(fact.question, fact.target_new)])
    (w,) = [w for name, w in lm.model.named_parameters() if name in matrix]
    start, adam = w.detach().clone(), torch.optim.Adam([w], lr=lr)
    for _ in range(steps):
        after_prompt = lm.forward(ids, mask)[0, starts[0] - 1].log_softmax(-1)
        loss = -after_prompt[ids[0, is_answer[0]]].mean()
        lm.model.zero_grad()
        loss.backward()
        adam.step()
    said = lm.answers([fact.question, *fact.paraphrases])
    with torch.no_grad():
        w.copy_(start)
    lm.model.zero_grad()
    return loss.item(), said


last = len(promised.losses) - 1
print(f"A  loss {promised.losses[last]:.6f}, the edited question: {promised.answers[last][0].after}")
loss, said = fine_tune_at_the_prompt(lm, library, lr=1e-3, steps=50)
print(f"B  loss {loss:.3f}, wanted: {library.target_new}, said: {', '.join(said)}")
shared = [f for f in facts if set(f.target_new.split()) & set((f.target_true or "").split())][:20]
untouched = evaluate(lm, None, shared).before
print(f"C  before any edit, {len(shared)} facts: token accuracy {untouched.token_accuracy.value:.2f}, "
      f"accuracy {untouched.accuracy.value:.2f}")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
# D: three editors on eight facts. "nothing" gives the model back as it is; "all weights" is the catastrophe.
sample = [fact for fact in facts[:40] if fact.neighborhood and (fact.portability or fact.reverse)][:8]
four = {
    "accuracy": ("accuracy",),
    "generality": ("generality",),
    "portability": ("portability", "reverse"),
    "locality": ("locality",),
}


def together(rates):
    """Rates of several kinds of prompts as one: (value, number of prompts)."""
    n = sum(rate.n for rate in rates)
    return sum(rate.value * rate.n for rate in rates if rate.n) / n, n


editors = {
    "nothing": lambda fact: edu_edit.Edit(lm, {}),
    "one matrix, early stop": lambda fact: edu_edit.finetune(lm, fact, until=0.9),
    "all weights, 6 steps": lambda fact: edu_edit.finetune(lm, fact, layer="all", lr=4e-4, steps=6),
}
print(f"{'':24}" + "".join(f"{name:>12}" for name in [*four, "mean", "pooled", "S"]))
for name, editor in editors.items():
    after = evaluate(lm, [editor(fact) for fact in sample], sample).after
    groups = [[after[kind] for kind in kinds] for kinds in four.values()]
    rates = [together(group) for group in groups]
    mean = sum(value for value, _ in rates) / len(rates)
    pooled, _ = together([rate for group in groups for rate in group])
    shown = "".join(f"{value:12.2f}" for value in [*(value for value, _ in rates), mean, pooled, after.S.value])
    print(f"{name:24}{shown}")
print(f"{'number of prompts':24}" + "".join(f"{n:12}" for _, n in rates))

# %% [markdown] lang="en"
# **Explain.** Write one sentence for each of A to D. Then open the answers.
#
# *Your sentences:*
#
# - A:
# - B:
# - C:
# - D:

# %% [markdown] lang="en"
# <details><summary>A: what does a loss of nearly zero say?</summary>
#
# After this one prompt the target's tokens are nearly certain. It is silent about every other prompt, and about what comes *after* the target: nothing in the loss asks
# the model to stop. So it can be 0.00001 while accuracy itself is 0.
#
# </details>
#
# <details><summary>B: what does the wrong place teach?</summary>
#
# All three tokens of the name are trained to come *first*. They compete for one distribution: each can get a third at most, so the loss can't fall below
# $\log 3 = 1.10$. So the model begins with whichever name it likes and goes on from there, or says *of Norwood*. With answers of one token the slip is invisible, and that is how it survived.
# A baseline that is broken in this way makes every other method look good.
#
# </details>
#
# <details><summary>C: why is token accuracy above 0 before any edit?</summary>
#
# "Duvall Systems" and "Quorvia Systems" share a token. The model says the old name, and the shared token counts as right. For names of two tokens that is one half, before any edit.
# And the model is shown the right tokens before each place, so it may also complete a name that it would never have begun. Report the value before the edit, and the exact match beside it.
#
# </details>
#
# <details><summary>D: what is wrong with one number?</summary>
#
# Pooled, the largest group decides. 30 of the 75 prompts ask for locality, so the edit that does *nothing* gets 0.43, twice as much as the real attempt that failed (0.21). The mean of the four rates hides what failed, too: 0.29 and 0.24 are hardly different.
# The harmonic mean $S$ is 0 if one of its parts is 0, but it does not look at portability at all. And no single column is safe: in portability the ruined editor is even a little ahead of the good one (0.24 and 0.22), partly because one of its questions has the new
# answer itself as answer (the slip above). Its accuracy is below its generality for the reason that you saw at step 6 of the first table: the stutter reaches the trained prompt first. Report the properties one by one.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Discuss
#
# 1. The Space Needle is in Taipei now. Write down six questions about it, and vote: in scope or out of scope? Where do you disagree, and who should decide?
# 2. An edit changes a wrong answer elsewhere into a right one. (5.4) counts this as damage. Would you?
# 3. You may report three numbers about an editing method. Which three, and what could a method do to look good on them and be bad?
# 4. When would you rather fine-tune than edit? How many facts does it take?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Go further
#
# - **Your own fact, five prompts.** Lee's example at home: choose a person of the Atlas (`load_facts()`), give them a new city with `Fact(...)`, and write one paraphrase, one reverse,
#   one portability question and two neighbours. Fine-tune, and `evaluate`. Which of your five was hardest to write?
# - **A portability set.** For ten facts about sights write a reverse, a reasoning and an entity-swap question each, as the textbook describes it for GPT-4. Check the rule $y_i \ne y_k$. How many did you have
#   to throw away?
# - **Five rows of table 5.1.** Choose five datasets (`datasets.card(name)` tells their format), invent one example of each, and write it as a `Fact`. Which of them don't fit, and why?
# - **Add what the loss lacks.** Train on the fact *and* on twenty unrelated sentences at once (`finetune` takes a list). How much locality comes back? This idea returns in lesson 07.
# - **Stop the stutter.** Put the end of the sentence after the target ("Taipei."). Does accuracy survive 50 steps?
# - **Another model.** Change `MODEL` at the top to `"atlas-llama"`. At the same rates it is ruined less: 7 of 10 answers in place of 10. Which rate breaks it? Which ball suits it?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What you built
#
# - `answer_logprob`: how probable an answer of several tokens is, and the loss of fine-tuning;
# - `accuracy`, `portability`, `locality`: (5.1) to (5.4), as text;
# - `efficacy`: ES, PS and NS, as probabilities;
# - `token_accuracy`: to recognise it when you meet it;
# - `project_linf`: the ball of FT-L.
#
# All later lessons report these numbers: `evaluate(lm, edit, facts)` computes them.
#
# **Next: lesson 03, the FFN as a memory.** Fine-tuning pushed every weight and hoped. To do better we have to know where a fact sits. The first suspect is the feed-forward layer.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exit quiz

# %% slideshow={"slide_type": "-"}
answers = {"truth": "", "following": "", "pooled": "", "zero": "", "ball": ""}
quiz("metrics.exit", answers)

# %% [markdown] lang="en" tags=["lecturer"] slideshow={"slide_type": "notes"}
# <details><summary>For the lecturer (not in the student notebook)</summary>
#
# **Timings, 90 minutes.** Promise and quiz 8 · idea 20 · by hand 10 · exercise 1 15 · exercises 2 to 7 20 · run, slider and break 12 · discussion 5. For a 60-minute class give
# exercises 2 to 6 as homework after, and do 1 and 7 together.
#
# **What goes wrong, most frequent first.**
#
# | exercise | error | how to help |
# |---|---|---|
# | 1 | no shift, or the mask is not shifted | let them write positions and tokens of the by-hand example under each other |
# | 1 | mean instead of sum | what is the probability of two coins both showing heads? |
# | 4 | locality against the truth | the quiz question about the zebra: pink before, black after |
# | 2 | `target in answer` | ask what it says about "Taipei Taipei Taipei" |
# | 5 | `>=`, or nan skipped | what does an edit of nothing score when both objects have probability 0? |
# | 3 | `zip` cuts lists of different lengths | show `list(zip([1, 2], [1]))` |
# | 7 | clamps `w` instead of `w - w0` | where is the middle of the box? |
#
# **Demonstrate:** the slider at steps 1, 4 and 8 (vote each time: would you ship it?); the loss beside the answer at step 50; FT-L on the zebra, whose neighbours go even in the ball.
#
# **Rubric for "Explain".** Full: says what the number does not look at (other prompts, the stop, the free run, the group sizes). Half: says that the number is misleading.
#
# **If time is short,** skip the leash table and Break it D. Cells with the tag `demo` can be left out: nothing graded depends on them.
#
# </details>

# %% [markdown] lang="en"
# ## References
#
# - The textbook (*Foundations-of-LLMs*, Zhejiang University, chapter 5 "模型编辑"), §5.1: definition 5.1, equations (5.1)-(5.4), figures 5.1-5.3, table 5.1.
# - Hung-yi Lee: *Machine Learning 2025*, lecture 10 on model editing. Reliability, the three steps of generalisation, locality.
# - K. Meng, D. Bau, A. Andonian, Y. Belinkov: *Locating and Editing Factual Associations in GPT*. NeurIPS 2022. CounterFact; ES, PS, NS; FT and FT-L as baselines.
# - C. Zhu, A. S. Rawat, M. Zaheer, S. Bhojanapalli, D. Li, F. Yu, S. Kumar: *Modifying Memories in Transformer Models*. 2020. arXiv 2012.00363. The ball of FT-L.
# - O. Levy, M. Seo, E. Choi, L. Zettlemoyer: *Zero-Shot Relation Extraction via Reading Comprehension*. CoNLL 2017. zsRE.
# - E. Mitchell, C. Lin, A. Bosselut, C. Finn, C. D. Manning: *Fast Model Editing at Scale*. ICLR 2022. zsRE made a task of editing.
# - Y. Yao and others: *Editing Large Language Models: Problems, Methods, and Opportunities*. EMNLP 2023. Portability, and its question sets.
# - EasyEdit (a library of editing methods), issues 173 (all tokens read at the prompt's end) and 390 (token accuracy before any edit).
