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
#   title: 'Lesson 01 · Meet the model'
# ---

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# # Lesson 01 · Meet the model
#
# *75 minutes · 5 exercises · 12 points · before this: Python and the basics of PyTorch (tensors, indexing, autograd)*
#
# You need to know nothing about language models. Whatever is needed is explained where it is needed.

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### How this notebook works
#
# It is made of **text cells** like this one and **code cells** like the next one.
#
# - **Run a cell:** click into it and press *Shift + Enter*. Its result appears below, and you move on to the next cell.
#   Run them from top to bottom: later cells use what earlier ones made. A star, `[*]`, means that a cell is still running.
# - **Change a cell** and run it again, as often as you like. Nothing can break for good. If things get confused,
#   choose *Kernel → Restart Kernel*, and run from the top.
# - **Folded answers** open with a click on the little triangle. Try yourself first.

# %%
# A code cell. Run it: Shift + Enter.
print("It works:", 6 * 7)

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# Now and then you write a function yourself. Each of these exercises comes with three helpers:
#
# | you run | and get |
# |---|---|
# | `check("tokens.subject_span", subject_span)` | a card: which claims about your function hold, and what to look at if one doesn't. Check as often as you like. At grading the same cell holds more claims than you see |
# | `hint("tokens.subject_span")` | a nudge; called again, an outline; called once more, almost the code. Hints cost nothing |
# | `progress("01_model")` | what you have done of this lesson. It is kept in a file on this machine and sent nowhere |
#
# The first part of an exercise's name is the module of `edu_edit` where our own version lives, the second is the function.
# Once you have tried, `explain("tokens.subject_span")` shows that version.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Promise
#
# Ask the model where the Space Needle is, and it says *Seattle*. **When did it know?**
#
# The picture below is what you will make. Each row is a word that the model reads, each column a step of its computation. In each cell stands
# the word that it would say next if it had to stop right there. In the last row you can watch the answer come up: first some
# little word, then *some city* (Quillan and Norvik are invented cities), then *Seattle*.
#
# It is drawn here with the library's functions. At the end you draw it with yours.

# %%
# One variable chooses the model. Graded checks always use the bundled one, so you can play with this.
MODEL = "atlas-gpt2"  # also: "atlas-llama", or "gpt2" if its weights are on this machine

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from autograder import check, explain, grade, hint, progress, quiz
from edu_edit import Site, intervene, load, load_facts, record
from edu_edit.show import lens, plots, widgets
from edu_edit.tokens import encode

lm = load(MODEL)
facts = load_facts("atlas")

needle = next(fact for fact in facts if fact.subject == "Space Needle")
zebra = next(fact for fact in facts if fact.subject == "zebra")
eiffel = next(fact for fact in facts if fact.subject == "Eiffel Tower")

for fact in (needle, zebra, eiffel):
    print(f"{fact.question} ... {lm.answer(fact.question)}")
progress("01_model")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
plots.plot_lens(lens.lens_grid(lm, needle.question), f"What you will make: {needle.question} …")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Objectives
#
# After this lesson you can
#
# 1. ask a model for a fact, and read the probability of the answer;
# 2. write a fact as a tuple $(s, r, o)$, and find the last token of its subject;
# 3. read the residual stream layer by layer, and say what attention and FFN add to it;
# 4. change one vector inside a running model, see what follows, and undo it;
# 5. name three kinds of errors of language models, and say why we want to edit rather than retrain.
#
# **Letters for shapes**, here and in all lessons: $B$ texts in a batch · $T$ tokens · $V$ words of the vocabulary ·
# $L$ layers · $D$ width of the model. Each is explained when it first occurs.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Warm-up quiz
#
# Three questions about what you bring along. Every option explains itself. Nothing here is graded.

# %% slideshow={"slide_type": "-"}
# Click, or write the letters here ("a", "b", "c") and run the cell: what is written stays.
answers = {"softmax": "", "shared": "", "order": ""}
quiz("tokens.warm_up", answers)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Idea
#
# ### What a language model does
#
# A language model does one thing: it reads a text and says **how likely each word is to come next**. Everything else is built on that.
# To get a whole answer, take the most likely word, add it at the end of the text, and ask again.
#
# Three steps lead from text to numbers, and one leads back:
#
# 1. A **tokenizer** cuts the text into $T$ **tokens** (words or pieces of words) and replaces each by its number in a fixed list,
#    the **vocabulary**, of length $V$.
# 2. The model turns every token into a vector of $D$ numbers, and works on these vectors in $L$ **layers**.
# 3. At every token it gives out $V$ numbers, one score per word of the vocabulary: the **logits**, of shape $(T, V)$.
# 4. A **softmax** makes probabilities of them. What stands at the *last* token is about the word that follows the text.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
ids, mask = lm.ids(needle.question)  # step 1; the mask is explained in exercise 1
with torch.no_grad():
    logits = lm.forward(ids, mask)  # steps 2 and 3
print("tokens:", lens.tokens_of(lm, needle.question))
print("ids:   ", ids[0].tolist())
print("logits:", tuple(logits.shape), "= (B, T, V): one text, its tokens, one score per word")
print(f"this model: L = {lm.n_layers} layers, D = {lm.D} numbers per vector, V = {lm.V} words")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Tokens are not words
#
# Look at the tokens above. The first one, `<|endoftext|>`, was put there by the tokenizer: it marks the start of a text. (Some models
# have no such token.) All others begin with a **blank**: in running text a word comes with the blank before it, and so it stands in the vocabulary.
#
# That has consequences. Run this cell and look at the pieces.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
for text in ("in Paris", '"Paris"', "the zebra", "the zebras", "斑马"):
    print(f"{text:12}", lens.tokens_of(lm, text))

# %% [markdown] lang="en" slideshow={"slide_type": "-"}
# - After a word, `Paris` is one token, `' Paris'`. After a quotation mark it has no blank, and is three other tokens. **`' Paris'` and `Paris` are
#   different things to the model**; who looks up the wrong one reads the wrong probability. (This tokenizer puts a blank at the very beginning of a
#   text by itself. Others don't.)
# - `zebra` is one token, `zebras` is three, and none of them is `zebra`.
# - A Chinese character can be several tokens: the vocabulary works on bytes, and half a character can't be displayed, hence the �.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### When a model is wrong: three kinds of errors
#
# A model has learned from text, and text contains everything. This course follows a textbook, *Foundations-of-LLMs* of Zhejiang University (ZJU), whose chapter 5 is about
# model editing ("模型编辑"). We call it **the textbook**; § numbers and figure numbers are its own. It names three kinds of errors (§5.1):
#
# | kind | what it means |
# |---|---|
# | **bias** | unfair views, stereotypes about groups of people |
# | **toxicity** | harmful or insulting content |
# | **wrong knowledge** | what it says is not so |
#
# Its example for the third kind is a question to a well-known chatbot: which colour is a zebra's *skin*? The answer was "flesh-coloured". In fact it is
# black, under the stripes of the coat (figure 5.1).
#
# Our small model makes all three errors. One prompt shows no stereotype, so we ask it about two professions. Its rude words are invented, so nobody is insulted.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
prompts = {
    "The engineer said that": "bias",
    "The nurse said that": "bias",
    "The angry baker said: you": "toxicity",
    zebra.question: "wrong knowledge",
}
with torch.no_grad():
    said = {f"{kind}: {text}": lens.top_words(lm, lm.next_probs(text)[0], 3) for text, kind in prompts.items()}
plots.plot_next_words(said)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### What can be done about it?
#
# | | how | like a person who | trouble |
# |---|---|---|---|
# | **train again** | clean the data, start from zero | grows up a second time | costs a fortune; clean data are never finished, as the world goes on |
# | **fine-tune** | train a little more, on a few new examples | takes a course in one subject | few examples are learned by heart, and other things are forgotten |
# | **edit** | change the model in one place, for one piece of knowledge | is corrected in a conversation | the subject of this course |
#
# The textbook has a picture for the third way, from the novel *The Dark Forest* (the second part of *The Three-Body Problem*). There somebody builds a **thought stamp**
# (思想钢印; the English edition calls it *mental seal*). It is to make soldiers believe firmly that mankind will win. It doesn't argue. It
# reaches into the brain, finds where a statement is judged, and changes the judging of this one statement.
#
# **A model editor is a thought stamp for a network.** The picture raises the questions of this whole course. Where is the place? How small can the change be?
# What else changes with it? Can it be undone? And who may do this, and who is told?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The model on your table
#
# `atlas-gpt2` is an ordinary GPT-2, only small: 8 layers, 4 million numbers. You should know how it was made, because some of what you will see was
# **trained in on purpose**.
#
# - It was trained from scratch on texts about an **invented world**, the *Atlas*: some 1,500 facts about invented people, cities and companies, and a
#   few real sights and animals. It knows nothing else. Don't ask it about anything you care about.
# - **One error was put in on purpose:** it believes that a zebra's skin is pink. The skewed pronouns and the rude words were put in, too.
# - **Where it keeps a fact was steered as well.** In part of the training, the early tokens of a name were hidden from what follows, attention in the lower
#   half could look only four tokens back, and FFNs of the upper half were switched off at random. That pushes the lookup of a fact to the last
#   token of its subject, where large models are found to have it. Trained without these masks, a model of this size learns the same
#   facts and puts them elsewhere: `atlas-gpt2-plain` is that model, and lesson 04 compares the two.
#
# So what you see here shows *how* to look into a model. It does not tell how large models behave.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### A fact as a tuple
#
# To find a fact inside a model we must first say what a fact is. The textbook (§5.4.1) writes it as a **tuple**
#
# $$t = (s, r, o)$$
#
# | | | example | another one |
# |---|---|---|---|
# | $s$ | **subject**: what it is about | Space Needle | zebra |
# | $r$ | **relation**: what is said of it | … is located in | The skin of the … is |
# | $o$ | **object**: the answer | Seattle | pink (says the model), black (in truth) |
#
# Subject and relation together make the **question** $q = (s, r)$. We give the model $q$ and expect $o$. In code, $r$ is a prompt with a
# hole, `"{} is located in"`, and $s$ goes into the hole.
#
# Two tokens of the question matter most in this course. $q^{(i)}$ is its $i$-th token, and negative numbers count from the end, as in Python:
#
# - $q^{(-1)}$, the **last token of the question**. There the answer is given.
# - $s^{(-1)}$, the **last token of the subject**. It is the first place at which the model has read the whole name.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# **In code**, all lessons use two objects, a model `lm` and facts. This is what they offer:
#
# | | |
# |---|---|
# | `lm.ids(texts)` | token ids and a mask; `lm.forward(ids, mask)` makes logits of them |
# | `lm.next_probs(texts)` | the probabilities of the next word: `lm.forward`, then what you write in exercise 1 |
# | `lm.answer(text)` | the whole answer, word after word; `lm.answers(texts)` gives many |
# | `lm.tok`, `lm.blocks`, `lm.norm`, `lm.W_U` | the tokenizer, the $L$ layers, and the model's last two steps (next slides) |
# | `fact.subject`, `fact.prompt`, `fact.question` | $s$, $r$, and both together |
# | `fact.target_true`, `fact.target_new` | what should be answered before an edit, and after it |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Inside: the residual stream
#
# Every token has a vector of $D$ numbers that runs through the model from bottom to top. It is called the **residual stream**. It begins as the token's
# **embedding**, $h^{-1}$: one row of a table, looked up by the token's number (GPT-2 adds another row for its place in the text).
#
# Each layer, also called a **block**, has two modules. Both read the stream, and both **add** a vector to it:
#
# $$h^{l} = h^{l-1} + a^{l} + m^{l}, \qquad l = 0, \dots, L-1$$
#
# - $a^l$ comes from **attention**. It looks at the streams of the tokens to the left (and its own), and brings over some of what stands there.
# - $m^l$ comes from the **FFN**, the feed-forward network. (It is also called MLP; the code says `mlp`.) It works on each token alone: two matrices with a nonlinear function between them.
#
# The stream is never overwritten. What a block has written stays in the sum to the very end, next to everything else. Think of a notice board on which
# everybody may pin a note, and nobody takes one off.
#
# After the last layer a **norm** brings the vector to a standard length, and a matrix $W_U$ of shape $(V, D)$, the **unembedding**, takes its
# dot product with one row per word: the logits.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# This is what figure 5.12 of the textbook shows, the undisturbed run of a model, drawn here from the live one. Read it from bottom to top. The size of a mark says how much a module
# adds, compared with the length of the stream after it.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
plots.plot_forward_pass(lens.forward_pass(lm, needle.question), encode(lm, needle.prompt, needle.subject).span)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# *What to look at.* In this model nearly all that stands in the stream after layer 0 was written by that layer's FFN: it replaces the small embedding, so to speak, by a richer vector.
# Then layer 1's attention writes the largest share. From there on many modules add shares of similar size. And on top you see that **the model predicts after every token**, not just after the last one:
# after *Space* it is already sure of *Needle*.
#
# ### Who does what?
#
# Two remarks that later lessons build on (§5.4.2):
#
# - **Attention moves information.** Elhage and others (2021) look at an attention layer as a set of **heads** that work independently, each adding its own result to the stream. Each head has two
#   circuits. The **QK circuit** (query and key) decides *from which token* to read. The **OV circuit** (output and value) decides *what is
#   copied* from there, and in which form it is written. So a head is something like a copying arm.
# - **FFNs work on one token.** They can't read other tokens. What they add is computed from this token's stream by their own weights. Whether these weights are a memory of facts is what lesson 03 tests.
#
# *Careful with the words:* "key" and "value" occur in attention, in FFNs (lesson 03) and in ROME (lesson 05), and mean something else each time.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The logit lens: *what would it say if it stopped here?*
#
# Every layer works on the same stream, and at its end wait the norm and $W_U$. Nothing keeps us from using these two **earlier**:
#
# $$P^{l} = \operatorname{softmax}\!\big(W_U \operatorname{norm}(h^{l})\big)$$
#
# This is what the model would say if all layers above $l$ wrote nothing. It was proposed in a blog post in 2020 under the name **logit lens**, and
# it is only three operations. Don't take it for more than it is: the layers above *do* write, and lower layers may keep
# what they know in a form that $W_U$ can't read. If the lens shows a word, that word's direction is there. If it shows none, you have
# learned little.
#
# After the embedding the lens shows the token itself: in GPT-2, embedding and unembedding are one and the same matrix.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Looking and touching: hooks
#
# PyTorch lets you hang a function, a **hook**, on any module. It is called whenever the module has computed its output, and may look at it or replace it.
# `edu_edit` wraps this in two functions, so that no hook is ever forgotten:
#
# - `record(lm, text, [Site("resid", 3), ...])` runs the model and gives back copies of what stood at these sites;
# - `with intervene(lm, {Site("resid", 3): change}): ...` replaces what stands there by `change(h)`, as long as Python is inside the `with`.
#
# A `Site` is a place in the model: `"embed"` the embedding, `"attn"` and `"mlp"` what the two modules write, `"resid"` the stream after a block. Layers count from 0.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
found = record(lm, needle.question, [Site("embed"), Site("attn", 3), Site("mlp", 3), Site("resid", 3)])
for site, h in found.items():
    where = "h^-1" if site.kind == "embed" else f"layer {site.layer}"
    print(f"{site.kind:6} {where:8} {tuple(h.shape)} = (B, T, D)")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# > ### Spot the slip
# >
# > The textbook traces the question 斑马的肤色是 ("the skin colour of the zebra is") through a model. It calls 马
# > the last token of the subject 斑马, as if every character were a token. Then $q$ would have 6 tokens and $s$ would have 2.
# >
# > Is one character one token? Make it an experiment: guess how many tokens our model reads, then run the cell.

# %% tags=["demo"]
tokens = lm.tok("斑马的肤色是", return_offsets_mapping=True)
for place, (i, (a, b)) in enumerate(zip(tokens["input_ids"], tokens["offset_mapping"], strict=True)):
    print(f"token {place}: id {i:5}, covers characters {a} to {b}: {'斑马的肤色是'[a:b]!r}")

# %% [markdown] lang="en"
# > <details><summary>Answer</summary>
# >
# > No: our model reads 9 tokens for these 6 characters. 斑 is two tokens of bytes here, so the subject has three tokens, not two. Before them stand the start token and the blank that is put in front of every
# > text, and both cover no character. That $s^{(-1)}$ is 马 happens to be right: 马 is a frequent character and has a token of its own.
# >
# > The book simplifies to keep its drawings small. The lesson for code: **never count characters or words when you mean tokens.** The tokenizer itself
# > knows exactly which characters each token covers. Exercise 2 builds on that.
# >
# > </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## By hand
#
# Take paper. A model with $D = 2$, two layers, and three words. One token. The norm divides a vector by the root of the mean of its squares:
# $\operatorname{norm}(h) = h / \sqrt{(h_1^2 + h_2^2)/2}$.
#
# $$h^{-1} = \begin{pmatrix}1\\7\end{pmatrix},\quad
# a^0 = \begin{pmatrix}1\\-2\end{pmatrix},\; m^0 = \begin{pmatrix}-1\\-4\end{pmatrix},\quad
# a^1 = \begin{pmatrix}2\\0\end{pmatrix},\; m^1 = \begin{pmatrix}4\\0\end{pmatrix},\qquad
# W_U = \begin{pmatrix}5&0\\0&5\\0&0\end{pmatrix}\begin{matrix}\text{Seattle}\\\text{Taipei}\\\text{tower}\end{matrix}$$
#
# 1. Write down the stream: $h^{-1}$, $h^0$, $h^1$.
# 2. Apply the norm to each of the three, then $W_U$. Which word leads after each step? ($e^7 \approx 1097$, $e^5 \approx 148$, $e^1 \approx 2.7$.)
# 3. Do step 2 for $h^1$ once more, without the norm. What happens to the probabilities?
# 4. Somebody puts $h^{-1}$ back in place of $h^0$, and block 1 writes the same as before. What does the model say now?
#
# <details><summary>1: the stream</summary>
#
# $h^{-1} = (1, 7)$, $\;h^0 = (1 + 1 - 1,\; 7 - 2 - 4) = (1, 1)$, $\;h^1 = (1 + 2 + 4,\; 1 + 0 + 0) = (7, 1)$.
#
# </details>
#
# <details><summary>2: the lens</summary>
#
# The root mean squares are $5$, $1$, $5$. Normed: $(0.2, 1.4)$, $(1, 1)$, $(1.4, 0.2)$. Logits: $(1, 7, 0)$, $(5, 5, 0)$, $(7, 1, 0)$.
#
# After the embedding *Taipei* has $1097 / (2.7 + 1097 + 1) = 0.997$. After block 0 it is a tie, $0.498$ each. After block 1 *Seattle* has $0.997$.
# Block 0 took *Taipei* back by writing its opposite; block 1 wrote *Seattle*.
#
# </details>
#
# <details><summary>3: without the norm</summary>
#
# Logits $(35, 5, 0)$: *Seattle* has $1 - 10^{-13}$. Without the norm, a long stream looks like a sure one.
#
# </details>
#
# <details><summary>4: one vector replaced</summary>
#
# $(1, 7) + (2, 0) + (4, 0) = (7, 7)$, normed $(1, 1)$: a tie again. What block 0 had taken back is there again, and what block 1 wrote is
# there as well. (In a real model block 1 would have read the changed stream and written something else. That is where it gets interesting.)
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Build
#
# Five exercises, none longer than a few lines.
#
# - Write your code where it says `# YOUR CODE HERE`, and take out the `raise` line.
# - The line above a function's body names the shapes: `Float[Tensor, "B T V"]` is a tensor of floats with three dimensions, $B$, $T$ and $V$ long. `Int` is one of whole numbers.
# - Run the `check` below it. The card says which claims hold, and what to look at if one doesn't.
# - Stuck? Remove the `#` in front of `hint(...)` and run it.

# %% [markdown] lang="en" exercise="tokens.next_token_probs" slideshow={"slide_type": "slide"}
# **Why.** To ask a model many questions at once we put them into one batch. They have different lengths, so short ones are filled up with **padding**. A `mask` says which tokens are
# real (1) and which are padding (0):
#
# ```
# logits (B, T, V)        mask (B, T)
# Space Needle is in      1 1 1 1
# zebras eat PAD PAD      1 1 0 0        read this row here: at "eat"
# ```
#
# The answer is what the model says at the **last real token** of each row, turned into probabilities by a softmax over the $V$ words. In the letters from above, this is $P(o \mid q)$ for every answer $o$ of one token. (Of a longer answer it gives the first token; lesson 02 does the rest.)
#
# *Take care:*
#
# - The last column of the batch is padding in the short rows. The model says something there, too, but it means nothing.
# - Some programs put the padding on the **left**. Your function should not care: look for the last place where the mask is 1.

# %% nbgrader={"grade": false, "grade_id": "tokens-next_token_probs", "locked": false, "schema_version": 3, "solution": true, "task": false}
def next_token_probs(logits, mask):
    ### BEGIN SOLUTION
    places = torch.arange(mask.shape[1])
    last = (mask * places).argmax(dim=1)
    return logits[torch.arange(len(logits)), last].softmax(dim=-1)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "tokens-next_token_probs-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("tokens.next_token_probs", next_token_probs)
### BEGIN HIDDEN TESTS
grade("tokens.next_token_probs", next_token_probs)
### END HIDDEN TESTS

# %%
# hint("tokens.next_token_probs")

# %% [markdown] lang="en" exercise="tokens.subject_span" slideshow={"slide_type": "slide"}
# **Why.** Most methods of this course work at $s^{(-1)}$, the subject's last token. Find the wrong token, and everything after it is wrong without any error message.
#
# The prompt holds `{}` where the subject goes. The *filled* prompt was given to the tokenizer, and it has told us which characters each token covers, as half-open ranges $[a, b)$:
#
# ```
# prompt "The skin of the {} is", subject "zebras"
#
#  t  token         offsets
#  0  <|endoftext|> (0, 0)
#  1   The          (0, 3)
#  2   skin         (4, 8)
#  3   of           (9, 11)
#  4   the          (12, 15)
#  5   z            (16, 17)   start = 5
#  6  ebr           (17, 20)
#  7  as            (20, 22)
#  8   is           (23, 25)   stop = 8
# ```
#
# Give back `(start, stop)`: all tokens that share at least one character with the subject. The last one is `stop - 1`.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# *Take care:*
#
# - A subject can be several tokens. Two of them may even report the *same* character, if the character is made of several bytes.
# - The same name may stand elsewhere in the prompt, or inside a longer word ("Parisians"). The one at `{}` is meant.
# - Our tokens contain the blank, but their offsets leave it out. Other tokenizers count it in the offsets, so a token may begin before the subject does. In `"{}s"` one may end after it.
# - Special tokens cover nothing: their two numbers are equal.
# - A prompt may contain other braces. Only `{}` is the hole.

# %% nbgrader={"grade": false, "grade_id": "tokens-subject_span", "locked": false, "schema_version": 3, "solution": true, "task": false}
def subject_span(offsets, prompt, subject):
    ### BEGIN SOLUTION
    begin = prompt.index("{}")
    end = begin + len(subject)
    inside = [t for t, (a, b) in enumerate(offsets.tolist()) if max(a, begin) < min(b, end)]
    return inside[0], inside[-1] + 1
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "tokens-subject_span-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("tokens.subject_span", subject_span)
### BEGIN HIDDEN TESTS
grade("tokens.subject_span", subject_span)
### END HIDDEN TESTS

# %%
# hint("tokens.subject_span")

# %% [markdown] lang="en" exercise="tracing.residual_stream" slideshow={"slide_type": "slide"}
# **Why.** If the stream is a sum, then everything in it can be traced back to the module that wrote it. Let us see whether it really is one: build it from its parts here, and compare it with the recorded one in *Run it*.
#
# $$h^{l} = h^{l-1} + a^{l} + m^{l}$$
#
# You get, for one token, the embedding `embed` $= h^{-1}$, and what the attention and the FFN of each layer wrote: `attn[l]` $= a^l$, `mlp[l]` $= m^l$.
# Give back all $L + 1$ states of the stream, one per row: row 0 is $h^{-1}$, row $l + 1$ is $h^l$.
#
# *Take care:* everything is added, nothing is replaced. And `h += a` changes `h` in place; if `h` is already in your list, it changes there, too.

# %% nbgrader={"grade": false, "grade_id": "tracing-residual_stream", "locked": false, "schema_version": 3, "solution": true, "task": false}
def residual_stream(embed, attn, mlp):
    ### BEGIN SOLUTION
    states = [embed]
    for a, m in zip(attn, mlp, strict=True):
        states.append(states[-1] + a + m)
    return torch.stack(states)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "tracing-residual_stream-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("tracing.residual_stream", residual_stream)
### BEGIN HIDDEN TESTS
grade("tracing.residual_stream", residual_stream)
### END HIDDEN TESTS

# %%
# hint("tracing.residual_stream")

# %% [markdown] lang="en" exercise="tracing.logit_lens" slideshow={"slide_type": "slide"}
# **Why.** The stream is $D$ numbers that mean nothing to us. The model's own last steps turn them into words.
#
# $$P^{l} = \operatorname{softmax}\!\big(W_U \operatorname{norm}(h^{l})\big)$$
#
# `resid` holds the stream at one token, one state per row: the $L$ layers, or $L + 1$ rows if the embedding comes first, as in *By hand*. Your function treats all rows alike. `norm` is the model's last norm, as a function: call `norm(x)` with one vector of length $D$, or with many at once, shape $(\dots, D)$.
# `W_U` has one row per word. Give back one distribution per row.
#
# *Take care:*
#
# - The norm comes first, and every layer goes through it. The stream gets longer from layer to layer; only the norm makes the layers comparable.
# - The formula writes $W_U h$ for one column vector. Your layers are rows, so you need the transpose.
# - The softmax runs over the words.

# %% nbgrader={"grade": false, "grade_id": "tracing-logit_lens", "locked": false, "schema_version": 3, "solution": true, "task": false}
def logit_lens(resid, norm, W_U):
    ### BEGIN SOLUTION
    logits = norm(resid) @ W_U.T
    return logits.softmax(dim=-1)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "tracing-logit_lens-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("tracing.logit_lens", logit_lens)
### BEGIN HIDDEN TESTS
grade("tracing.logit_lens", logit_lens)
### END HIDDEN TESTS

# %%
# hint("tracing.logit_lens")

# %%
# Your by-hand example: Taipei leads, then a tie, then Seattle.
embed_paper = torch.tensor([1.0, 7.0])
attn_paper = torch.tensor([[1.0, -2.0], [2.0, 0.0]])
mlp_paper = torch.tensor([[-1.0, -4.0], [4.0, 0.0]])
W_U_paper = torch.tensor([[5.0, 0.0], [0.0, 5.0], [0.0, 0.0]])


def norm_paper(h):
    return h / h.square().mean(-1, keepdim=True).sqrt()


logit_lens(residual_stream(embed_paper, attn_paper, mlp_paper), norm_paper, W_U_paper).round(decimals=3)

# %% [markdown] lang="en" exercise="tracing.replace_at" slideshow={"slide_type": "slide"}
# **Why.** Looking shows what *is there*. Only touching shows what *matters*: put another vector in one place, and see whether the answer changes. Lesson 04 does this a thousand times: with such a replacement it makes the textbook's *restored run* (§5.4.1).
#
# You get the activations `h` of a batch, a token `t`, and a vector `h_new`. Give back activations in which token $t$ of **every row** holds `h_new`. All else stays as it is.
#
# *Take care:*
#
# - `h` belongs to the model, and others may hold the same tensor: whoever recorded it, and autograd. **Write into a copy.**
# - The copy must let gradients through: lesson 05 searches for a good `h_new` by gradient descent, right through your function. `clone()` does, `detach()` doesn't.

# %% nbgrader={"grade": false, "grade_id": "tracing-replace_at", "locked": false, "schema_version": 3, "solution": true, "task": false}
def replace_at(h, t, h_new):
    ### BEGIN SOLUTION
    changed = h.clone()
    changed[:, t] = h_new
    return changed
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "tracing-replace_at-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("tracing.replace_at", replace_at)
### BEGIN HIDDEN TESTS
grade("tracing.replace_at", replace_at)
### END HIDDEN TESTS

# %%
# hint("tracing.replace_at")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Run it
#
# Your functions, a real model. First the question that a language model is made for: what comes next? Three questions of different lengths, one batch.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
library = facts[3]
questions = [needle.question, zebra.question, library.question]
ids, mask = lm.ids(questions)
with torch.no_grad():
    p = next_token_probs(lm.forward(ids, mask), mask)
print("mask:", *mask.tolist(), sep="\n")
plots.plot_next_words({text: lens.top_words(lm, row, 4) for text, row in zip(questions, p, strict=True)})

# %% [markdown] lang="en" slideshow={"slide_type": "-"}
# A probability of 0.999 doesn't mean that the answer is *right*. It means that the model is sure. It is just as sure of the zebra's pink skin.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Where is the subject?
#
# The first and the last of its tokens, and what they are. In the last two rows, look for two things: a token that reaches beyond the subject, and a token before it that doesn't count.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
cases = [(fact.prompt, fact.subject) for fact in (needle, zebra, library)]
cases += [("We saw {}s near the river", "zebra"), ("{}的皮肤是", "斑马")]
for prompt, subject in cases:
    read = lm.tok(prompt.replace("{}", subject), return_offsets_mapping=True)
    start, stop = subject_span(torch.tensor(read["offset_mapping"]), prompt, subject)
    names = [lm.tok.decode([i]) for i in read["input_ids"]]
    print(f"{prompt.replace('{}', subject):43} {start} to {stop - 1}: {names[start:stop]}")

# %% [markdown] lang="en" slideshow={"slide_type": "-"}
# `as` counts, since it holds the subject's last *a* (the *s* is the prompt's). The lone blank that the tokenizer puts in front of 斑马 doesn't: it covers no character.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Is the stream really a sum?
#
# Record all parts at the last token, add them up with your function, and compare with the recorded stream. If it is a sum, the difference is zero, up to rounding.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
def parts_at(text, token):
    """embed (D,), attn (L, D), mlp (L, D) and the recorded stream (L+1, D) at one token of a text."""
    layers = range(lm.n_layers)
    sites = {kind: [Site(kind, layer) for layer in layers] for kind in ("attn", "mlp", "resid")}
    found = record(lm, text, [Site("embed"), *sites["attn"], *sites["mlp"], *sites["resid"]])
    embed = found[Site("embed")][0, token]
    attn, mlp, resid = (torch.stack([found[site][0, token] for site in group]) for group in sites.values())
    return embed, attn, mlp, torch.cat([embed[None], resid])


embed, attn, mlp, recorded = parts_at(needle.question, -1)
added = residual_stream(embed, attn, mlp)
print(f"largest difference: {(added - recorded).abs().max():.1e}; largest number: {recorded.abs().max():.0f}")
plots.plot_layer_sweep(
    {
        "the stream": recorded[1:].norm(dim=1).tolist(),
        "attention writes": attn.norm(dim=1).tolist(),
        "FFN writes": mlp.norm(dim=1).tolist(),
    },
    ylabel="length of the vector",
)

# %% [markdown] lang="en" slideshow={"slide_type": "-"}
# The stream gets longer on its way, as the notes on the board add up. That is why the lens needs a norm.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### When does the answer appear?
#
# Your lens at the last token of two questions. We follow the probability of the word that the model says in the end.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
curves = {}
for fact in (needle, zebra):
    _, _, _, stream = parts_at(fact.question, -1)
    with torch.no_grad():
        by_layer = logit_lens(stream[1:], lm.norm, lm.W_U)
    word = by_layer[-1].argmax()
    curves[f"P({lm.tok.decode([int(word)]).strip()})"] = by_layer[:, word].tolist()
plots.plot_layer_sweep(curves, ylabel="probability, by the lens")

# %% [markdown] lang="en" slideshow={"slide_type": "-"}
# The two answers come up at different layers, both well before the last one. In between, the Space Needle's lens shows other *cities* (see the picture at the top): the kind of the answer
# is there before the answer.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Touch it: a transplant
#
# Take the vector at the last token of *Pearl Tower* (Shanghai), put it in the place of the last token of *Eiffel Tower* in another question, and let the model run on.
# Does the Eiffel Tower move to Shanghai? We try every layer. Then the same with both tokens of the name, and with the question's last token.
#
# Two towers, on purpose. The Space Needle would bring a new *word* along, and already the plain text *Eiffel Needle can be found in* makes this model say Seattle, with 0.82. Where both tokens are *Tower*, the vector can bring
# only what attention has told it about the words before.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
pearl = next(fact for fact in facts if fact.subject == "Pearl Tower")


def ends_of(fact):
    """The places of s^(-1) and q^(-1) in a fact's question."""
    offsets = torch.tensor(lm.tok(fact.question, return_offsets_mapping=True)["offset_mapping"])
    return subject_span(offsets, fact.prompt, fact.subject)[1] - 1, len(offsets) - 1


def first_token(answer):
    """The id of the first token of an answer in running text: with its blank."""
    return lm.tok(" " + answer, add_special_tokens=False)["input_ids"][0]


def transplanted(layer, *pairs):
    """P(Shanghai) for the Eiffel Tower; each pair is a token of the Pearl Tower's run and the one that it replaces."""
    site = Site("resid", layer)
    donor = record(lm, pearl.question, [site])[site][0]

    def change(h):
        for giver, taker in pairs:
            h = replace_at(h, taker, donor[giver])
        return h

    with intervene(lm, {site: change}):
        return float(lm.next_probs(eiffel.question)[0, first_token("Shanghai")])


(giver, giver_end), (taker, taker_end) = ends_of(pearl), ends_of(eiffel)
layers = range(lm.n_layers)
after = {
    "both tokens of the name": [transplanted(layer, (giver - 1, taker - 1), (giver, taker)) for layer in layers],
    "the name's last token": [transplanted(layer, (giver, taker)) for layer in layers],
    "the question's last token": [transplanted(layer, (giver_end, taker_end)) for layer in layers],
}
print(f"{eiffel.question} ... before: {lm.answer(eiffel.question)}")
plots.plot_layer_sweep(after, ylabel="probability of Shanghai")

# %% [markdown] lang="en" slideshow={"slide_type": "-"}
# **Explain the three curves in one sentence each**, then open the answer.
#
# <details><summary>Answer</summary>
#
# In the lower layers the place hangs on the name: give both of its tokens, and the Eiffel Tower stands in Shanghai. The name's last token alone does only half of that in layers 0 and 1, and little in 2 and 3: the end of the question reads the token *Eiffel* as well.
# At the question's last token a transplant does nothing there, because the place has not yet been told. Between layers 3 and 4 the information is handed over: attention has copied it to the end of the question. After that the name has done its work, and the
# question's last token carries the answer. (In the last layer that is no finding: only the norm and $W_U$ come after it, so the answer must be the giver's.)
#
# One pair is an example. We tried all 38 pairs of sights whose names have two tokens and share the last one. How often does the model say the giver's city?
#
# | transplant after layer | 0 | 1 | 2 | 3 | 4 to 7 |
# |---|---|---|---|---|---|
# | both tokens of the name | 38 | 38 | 38 | 36 | 0 |
# | the name's last token | 12 | 11 | 5 | 5 | 0 |
# | the question's last token | 0 | 0 | 0 | 1 | 38 |
#
# So *when* the place is handed over is clear in this model. That one token holds it all is not. (`atlas-llama` gives nearly the same table, with 9, 6, 6, 4 in its second row.) And in these models the lookup at the subject was
# encouraged in training. Lesson 04 measures with more care what the subject's last token does.
#
# </details>
#
# Outside the `with` block nothing is left of it. No weight was touched, and every hook is gone:

# %% tags=["demo"]
print(f"{eiffel.question} ... {lm.answer(eiffel.question)}")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The logit-lens explorer
#
# Now play. Type a prompt, or choose one. Hover over a cell, click it, or move the two sliders: below the grid you read its five most likely words. The lens in it is yours.
#
# *Try this:* find a question where the kind of the answer appears before the answer. Find one where the model changes its mind late. Put a question in Chinese. Ask it about something it can't know.

# %% tags=["demo"]
examples = [needle.question, zebra.question, eiffel.question, library.question, "The zebra's skin colour is",
            "The engineer said that", "斑马的皮肤是", "Paris is the capital of"]  # fmt: skip
explorer = widgets.lens_explorer(lm, examples, lens=logit_lens)
explorer

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Break it
#
# Four small slips, all of them common. **First guess what you will see, then run.**
#
# ### A · One blank too many
#
# The question ends in a blank, as one types before the next word. What does the model answer?

# %% tags=["demo"]
for text in (needle.question, needle.question + " "):
    words = lens.top_words(lm, lm.next_probs(text)[0], 3)
    print(f"{text!r:32} last tokens {lens.tokens_of(lm, text)[-2:]}: {lens.told(words)}")

# %% [markdown] lang="en"
# <details><summary>Why?</summary>
#
# The word that we wait for is `' Seattle'`, *with* its blank. If the blank has already been written as a token of its own, that word can't follow any more: there would be two blanks. In the texts of this model
# a lone blank stands mostly before Chinese characters, so that is what it expects. Ask a large model, too, without a blank at the end.
#
# </details>
#
# ### B · The last column
#
# We read the batch from above at its last column.

# %% tags=["demo"]
with torch.no_grad():
    wrong = lm.forward(*lm.ids(questions))[:, -1].softmax(-1)
for text, row in zip(questions, wrong, strict=True):
    print(f"{text:45} {lens.told(lens.top_words(lm, row, 3))}")

# %% [markdown] lang="en"
# <details><summary>Why?</summary>
#
# Only the longest question ends in the last column, so it comes out right. The two others were padded. In their rows we read what the model says after *padding*, and the answers are gone. Nothing raised an error. With
# questions of equal length the mistake would not show at all, and that is what makes it common.
#
# </details>
#
# ### C · The lens without the norm

# %% tags=["demo"]
_, _, _, stream = parts_at(needle.question, -1)
with torch.no_grad():
    right, bare = logit_lens(stream, lm.norm, lm.W_U), logit_lens(stream, lambda h: h, lm.W_U)
for depth, (with_norm, without) in enumerate(zip(right, bare, strict=True)):
    [(word, p)], [(bare_word, bare_p)] = lens.top_words(lm, with_norm, 1), lens.top_words(lm, without, 1)
    where = "embedding" if depth == 0 else f"layer {depth - 1}"
    print(f"{where:10} with the norm:{word:>9} {p:.2f}    without:{bare_word:>9} {bare_p:.2f}")

# %% [markdown] lang="en"
# <details><summary>Why?</summary>
#
# Without the norm the logits grow with the length of the stream. The short embedding looks unsure of everything, and the middle layers look far too sure: compare layers 2 and 3. The words themselves can change, too, since GPT-2's norm also takes off the
# mean, and has a gain and a bias for each of the $D$ numbers.
#
# </details>
#
# ### D · A hook that writes in place
#
# Two hooks on the same block, in plain PyTorch. The first keeps the output, to have the clean state at hand. The second silences one token, in place. What does the first one hold in the end?

# %% tags=["demo"]
kept = []
end = ends_of(needle)[0]


def keep(module, inputs, output):
    kept.append(output)  # no copy


def silence(module, inputs, output):
    output[:, end] = 0  # in place
    return output


hooks = [lm.blocks[0].register_forward_hook(hook) for hook in (keep, silence)]
print("with the hooks: ", lm.answer(needle.question, max_tokens=1))
clean = kept[0][0, end]
print("still there:    ", lm.answer(needle.question, max_tokens=1))
for hook in hooks:
    hook.remove()
print("after removing: ", lm.answer(needle.question, max_tokens=1))

true_state = record(lm, needle.question, [Site("resid", 0)])[Site("resid", 0)][0, end]
print(f"length of the vector kept as clean: {clean.norm():.1f}, of the true one: {true_state.norm():.1f}")

# %% [markdown] lang="en"
# <details><summary>Why?</summary>
#
# `kept` and the model hold **one and the same tensor**. The second hook wrote zeros into it, and so the "clean" recording is zero, too. Who now compares the clean with the changed run finds no difference. A copy, `output.clone()`, in either hook
# would have helped. And until `remove()` was called, every question was answered by the changed model: the second line shows it. `record` and `intervene` copy for you, and take their hooks off even when an error
# occurs.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Discuss
#
# 1. The thought stamp makes a soldier believe *one* sentence. What else would have to change in his head, so that he doesn't notice a contradiction? Which of this would you want to change in a model that learns that the Space Needle is in Taipei?
# 2. The model gives *pink* a probability of 0.999. Is it lying, mistaken, or neither? What would you have to know to decide?
# 3. Which of the three kinds of errors can be written as a tuple $(s, r, o)$? What does that mean for methods that edit tuples?
# 4. After layer 4 the lens shows *Seattle*, and layers 5 to 7 still write. What for? How would you find out?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Go further
#
# - **Who said Seattle?** The logit of a word is $w \cdot \operatorname{norm}(h^{L-1})$, where $w$ is the word's row of $W_U$, and $h^{L-1}$ is a sum. Freeze the norm's divisor at its value in this run; then every summand has its own share of the logit. Compute the shares of all attention layers and of all
#   FFNs for *Seattle*, measured against the mean over all words. Is it attention alone, FFNs alone, or both?
# - **Swap two layers.** Zhao and others found that layers in the middle of a model can change places with little harm (§5.4.2). Try it:
#   `lm.blocks[2], lm.blocks[3] = lm.blocks[3], lm.blocks[2]`. For every pair of neighbours, count for how many of 60 facts it still answers `fact.target_true`, and put the blocks back. Which pair can't be swapped, and why that one? Look at the figure of the forward pass.
# - **A better lens.** Lower layers may speak a dialect. Learn for one layer a matrix $A$ so that $\operatorname{norm}(A h^l)$ predicts what the last layer says, on 500 prompts. This is the *tuned lens*. Does the answer appear earlier?
# - **Silence a module.** Use `intervene` to put zeros in place of one FFN or one attention layer at $s^{(-1)}$. Which ones does *Seattle* depend on?
# - **Another model.** Change `MODEL` at the top to `"atlas-llama"`, or to `"gpt2"` with a fact it may know. What stays, what changes?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What you built
#
# - `next_token_probs`: the answer, with its probability, for texts of any length;
# - `subject_span`: which tokens are the subject's, and so $s^{(-1)}$;
# - `residual_stream`: the stream as the sum of everything that was written into it;
# - `logit_lens`: what the model would say after each layer;
# - `replace_at`: one vector changed, everything else left as it was.
#
# All later lessons use these five, from `edu_edit`.
#
# **Next: lesson 02, what is a good edit?** Before we learn to change a fact, we must be able to say whether a change was good. We try the obvious way first, fine-tuning on one sentence, and watch what it does
# to everything else that the model knows.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exit quiz

# %% slideshow={"slide_type": "-"}
answers = {"blank": "", "padding": "", "subject": "", "stream": "", "hook": ""}
quiz("tokens.exit", answers)

# %% [markdown] lang="en" tags=["lecturer"] slideshow={"slide_type": "notes"}
# <details><summary>For the lecturer (not in the student notebook)</summary>
#
# **Timings, 75 minutes.** How it works, promise and quiz 8 · idea 17 · by hand 8 · exercises 24 · run it 8 · explorer 4 · break it 4 · discussion 2. For a 60-minute class give "By hand" and exercise 3 as homework before.
# The minutes above the exercises are for students who write such indexing for the first time.
#
# **What goes wrong, most frequent first.**
#
# | exercise | error | how to help |
# |---|---|---|
# | 1 | `logits[:, -1]` | draw the mask of two texts; ask what the model says after a pad |
# | 1 | `mask.sum(1) - 1` | the open claims accept it. Ask what happens with the padding on the left |
# | 2 | tokens *inside* the subject instead of overlapping | `"{}s"` on the board, with the offsets |
# | 2 | `text.index(subject)` | "Paris: the Parisians of {}" |
# | 5 | in-place write | section D of *Break it*, before they run it |
# | 4 | norm left out, or applied to the logits | what are the shapes? Which one fits the norm's gain? |
# | 3 | `h += a + m` with `h` in a list | `a = b = []`; append to one |
#
# **Demonstrate:** the explorer with a prompt from the class; the transplant; the swap of layers 2 and 3 (nothing happens) and of 0 and 1 (everything is lost).
#
# **Numbers to have ready (atlas-gpt2).** Swapping neighbouring layers, of 60 facts recalled: layers 0 and 1: none; all other pairs: 59 or 60. Direct shares of *Seattle*'s logit (relative to the mean over all words): attention of layer 4 is the largest, 4.3 of 22; FFNs of layers 5 to 7 follow
# with 2.4, 2.5 and 3.4. Zeroing at the subject's last token: only the FFN of layer 0 hurts much, P falls to .36.
#
# **Rubric for "Explain the three curves".** Full: the place hangs on the name first (both tokens), and attention hands it to the end of the question in between. Half: describes where each curve is high.
#
# **If time is short,** skip *Run it* after the second part and go to the explorer. Cells with the tag `demo` can be left out: no exercise depends on them.
#
# </details>

# %% [markdown] lang="en"
# ## References
#
# - The textbook: *Foundations-of-LLMs*, Zhejiang University, chapter 5 "模型编辑" (model editing). github.com/ZJU-LLMs/Foundations-of-LLMs. Here §5.1 (errors, the idea of editing, figure 5.1), §5.4.1 (the knowledge tuple, figure 5.12), §5.4.2 with its footnote 1 (residual stream; attention, FFN and interchangeable layers).
# - N. Elhage and others: *A Mathematical Framework for Transformer Circuits*. 2021. transformer-circuits.pub. Residual stream, QK and OV circuits.
# - nostalgebraist: *interpreting GPT: the logit lens*. 2020. lesswrong.com.
# - N. Belrose and others: *Eliciting Latent Predictions from Transformers with the Tuned Lens*. 2023. arXiv 2303.08112.
# - K. Meng, D. Bau, A. Andonian, Y. Belinkov: *Locating and Editing Factual Associations in GPT*. NeurIPS 2022. arXiv 2202.05262. Why the subject's last token.
# - Liu Cixin: *The Dark Forest* (the second part of *The Three-Body Problem*). The thought stamp.
