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
#   title: 'Lesson 07 · Learning to edit: ENN, KE, MEND'
# ---

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# # Lesson 07 · Learning to edit: ENN, KE, MEND
#
# *130 minutes · 7 exercises · 18 points · before this: lesson 05 (ROME); lesson 02 for the measures*
#
# ## Promise
#
# ROME is a formula that people derived. In this lesson nobody derives the edit. **A small network learns how to edit a
# larger one.** You take a gradient apart, give the parts to that network, and watch it learn for half a minute.
# Afterwards it writes facts that it has never seen, each in a fraction of a second.
#
# The picture below is what you will make. It is drawn here with the library's own functions. The fact in it was kept
# out of the editor's training.

# %%
# One variable chooses the model. Graded checks always use the bundled one, so you can play with this.
MODEL = "atlas-gpt2"  # also: "atlas-llama"

from collections.abc import Callable, Mapping

import torch
from IPython.display import display
from jaxtyping import Float
from torch import Tensor, nn

import edu_edit
from autograder import check, grade, hint, progress, quiz
from edu_edit import Mend, evaluate, load
from edu_edit.methods.upper_blocks import ffn_matrices
from edu_edit.show import plots, probes, widgets
from edu_edit.show.microscope_widget import loss_of_fact
from edu_edit.world.splits import facts_to_edit, training_facts

lm = load(MODEL)
known = training_facts()  # facts that an editor may learn from
fact = facts_to_edit(lm, 1)[0]  # about a subject that no editor has met

print(f"{len(known)} facts to learn from. The patient is none of them:")
print(f"{fact.question} ... {lm.answer(fact.question)}   (it should say: {fact.target_new})")
progress("07_mend")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
unseen = facts_to_edit(lm, 64)  # more of them: the first one is `fact`
before = probes.probes(lm, fact, [*known, *unseen], most=3)
with edu_edit.mend(lm, fact):
    after = probes.ask_again(lm, before)
display(plots.plot_answers(after, title="What you will make: an edit that was learned, not derived"))

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Objectives
#
# After this lesson you can
#
# 1. state learning to edit as two nested problems, (5.5), and say what ENN, KE and MEND put in each place;
# 2. count the parameters of a naive hypernetwork, and say why it can't be built;
# 3. take a linear layer's gradient apart into one pair of vectors per token, and bound its rank;
# 4. train a small MEND on the bundled model, with edit data and keep data, and test it on facts it has not seen;
# 5. write ENN's inner step so that it can be learned through, and KE's constraint with its price.
#
# **Letters for shapes:** $D$ model width · $F$ FFN width · $V$ vocabulary · $B$ facts or rows · $T$ tokens.
# `d_in` and `d_out` are the widths of one linear layer, and $W$ its weight, of shape $(d_{out}, d_{in})$.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Warm-up quiz
#
# Three questions about what came before. Every option explains itself. Nothing here is graded.

# %% slideshow={"slide_type": "-"}
# Click, or write the letters here ("a", "b", "c") and run the cell: what is written stays.
answers = {"catastrophe": "", "columns": "", "keep": ""}
quiz("mend.warm_up", answers)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Idea
#
# ### Why learn it?
#
# Lesson 02 wrote a fact by fine-tuning. One step of gradient descent is the cheapest edit there is, and a poor one: a small step
# does not reach the answer, a large one breaks other answers. The gradient is not useless, though. It says where the answer
# could be pushed. It does not say what else hangs on the same weights.
#
# Whoever has edited the same model a thousand times could learn that. Some directions of the gradient are safe in this
# model, some are dangerous, and the pattern repeats from fact to fact. What is learned over many edits and
# used in the next one is called **meta-knowledge**, written $\omega$.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Two nested problems
#
# Take $n$ edits. Edit $i$ has a training set $D^{train}_i$ (the fact, as it is written in) and a validation set $D^{val}_i$ (what should be
# true afterwards). Then learning to edit is a **bilevel problem**:
#
# $$\omega^* = \arg\min_\omega \sum_{i=1}^{n} L_{meta}\big(\theta_i^*(\omega), \omega, D_i^{val}\big) \tag{5.5}$$
# $$\text{subject to}\quad \theta_i^*(\omega) = \arg\min_\theta L_{edit}\big(\theta, \omega, D_i^{train}\big)$$
#
# - The **inner problem** writes one fact: from the model's parameters $\theta$ and with the help of $\omega$ it makes the edited
#   $\theta_i^*$.
# - The **outer problem** asks, over all edits, whether that went well, and improves $\omega$.
#
# None of the three methods solves the inner problem to its minimum. Each replaces it by a fixed, short computation: a step, or a pass
# through a network. So the "arg min" of the inner problem is a wish. What counts is that the outer loss can
# be differentiated *through* that computation.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Edit data and keep data
#
# What is in the validation set? Two kinds of prompt. The **edit data**: the question itself and a paraphrase of it, where the new
# answer should come. The **keep data**: prompts about other things, where nothing should change. Without keep data an
# editor has no reason to be careful. You will see what it then does.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Three answers to "what is $\omega$?"
#
# | | what is learned, $\omega$ | how a fact is written | how damage is kept small |
# |---|---|---|---|
# | **ENN** (editable neural networks) | the model's own starting point, and a rate per matrix | $k$ steps of gradient descent; here $k = 1$ | a KL term in the outer loss |
# | **KE** (KnowledgeEditor) | a **hypernetwork** that reads the fact as text | it masks and shifts the gradient | a constraint: KL $\le$ margin |
# | **MEND** (model editor networks with gradient decomposition) | a **hypernetwork** that reads the gradient | it replaces each token's factors | a KL term in the outer loss |
#
# A **hypernetwork** is a network whose output changes the weights of another one.
#
# ENN adds nothing to the model. It moves the model to a place from which one step of gradient descent is a good edit. That needs derivatives
# of derivatives. It was made for small networks (ResNets), and for large ones the training is expensive. KE and MEND leave the model as
# it is, and train something beside it. Here all three change FFN matrices in the upper layers only.
#
# The textbook says that ENN learns *optimiser parameters*. That is half of it: the rates are learned, and so is the starting point.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### How KE writes
#
# KE reads "old answer >> new answer || question", and gives for every matrix two columns $a, b$, two rows $c^\top, d^\top$ and a scale $\eta$:
#
# $$\Delta = \eta\,\big(\nabla_W L \odot (a c^\top) + b d^\top\big)$$
#
# The first product masks the gradient, entry by entry. The second shifts it.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The parameter explosion
#
# The obvious hypernetwork takes the gradient of a matrix in and gives the change of that matrix out. Count its weights. A matrix of
# $1024 \times 1024$ has about $10^6$ entries. A linear map from $10^6$ numbers to $10^6$ numbers has
#
# $$(d_{in}\, d_{out})^2 = (1024 \cdot 1024)^2 \approx 10^{12}$$
#
# weights. That is many times the model, for one of its matrices. It can't be built.
#
# ### The way out: a gradient is made of few vectors
#
# Let $x_t$ be the input of the layer at token $t$, and $y_t = W x_t$ its output (a bias changes nothing here). Write $\delta_t = \partial L/\partial y_t$
# for the gradient of the loss at the output. By the chain rule the entry $W_{ij}$ is used at every token, with $x_t[j]$, for
# output $i$. So
#
# $$\nabla_W L = \sum_{t=1}^{T} \delta_t\, x_t^\top$$
#
# A column times a row, **once per token**. All that there is to know about this gradient is in $T$ pairs of short vectors: $d_{in} + d_{out}$ numbers each.
# MEND's network takes *one pair* in and gives one pair out. With a linear map from pair to pair:
#
# $$(d_{in} + d_{out})^2 = 2048^2 \approx 4 \cdot 10^{6}$$

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### MEND, step by step
#
# 1. **Factors.** Run the fact through the model, with the new answer after the question. The inner loss is $L = -\log p_W(y' \mid x)$, a mean over the
#    answer's tokens. Keep $x_t$ and $\delta_t$ of every matrix to be edited. Tokens with $\delta_t = 0$ are left out from here on.
# 2. **Normalise.** Entries of $\delta$ are far smaller than those of $x$. So take off the mean of each coordinate and divide by its standard
#    deviation, both counted over all tokens seen in training. (The library does this: `normalise_factors`.)
# 3. **Transform.** A small network $g_\omega$ maps $[x_t; \delta_t]$ to $[\tilde x_t; \tilde\delta_t]$. It starts as the identity.
# 4. **Write.** Put the new factors together and go *against* them:
#
# $$\tilde W = W - \alpha \sum_t \tilde\delta_t\, \tilde x_t^\top$$
#
# with a learned rate $\alpha$ for every matrix. In code it is `lr`.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The network $g_\omega$
#
# It has two layers of the same kind. With $z = [x_t; \delta_t]$, normalised, each of them gives
#
# $$z + \max\big(0,\; s \odot (U V z + b) + o\big)$$
#
# - $V$ maps to $r = 64$ numbers and $U$ back: the **rank** of the editor. $U = 0$ and $b = o = 0$ at first, so $z$ comes out as it went in.
# - Matrices of the same shape share $U$, $V$ and $b$. The scale $s$ and the shift $o$ are each matrix' own.
# - At 0 the maximum counts as having slope 1. (It is written as a **clamp**.) With slope 0, as ReLU has there in PyTorch, $U$ would never move.
#
# For the six matrices of three layers of our model that makes 518 400 weights in two networks; the model has 4 075 392. All this is in the library.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### MEND, step 5: learn
#
# In training only, judge the edited model:
#
# $$L_{meta} = -c_{edit} \log p_{\tilde W}(y' \mid x') + D_{KL}\big(p_W(\cdot \mid x_{keep}) \,\|\, p_{\tilde W}(\cdot \mid x_{keep})\big)$$
#
# Here $y'$ is the new answer and $x'$ the question or its paraphrase; $c_{edit}$ weighs the first term, and is 1 wherever this lesson trains. The gradient of $L_{meta}$ flows through $\tilde W$ into $g_\omega$ and $\alpha$. It never changes the model itself:
# $\delta_t$ came from a gradient of the *inner* loss, and counts as a plain number from then on.
#
# **The test phase** has steps 1 to 4 only. No keep data, no training: one gradient, one pass, done.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Spot the slip
#
# Two statements from the course's source texts. One experiment decides the first.
#
# > "The gradient of a single example has rank one, so it can be written as $u v^\top$."
# >
# > "Methods with a hypernetwork: MEMIT, MEND."
#
# Guess first: how large is the rank of the gradient for one fact of six tokens? One? Six? Then run the cell.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
losses = {"all": "every next token counts", "last": "only the prediction of the answer's last token counts"}
for where, name in losses.items():
    words, loss = loss_of_fact(lm, fact, where)
    print(f"{len(words)} tokens, {name}:")
    for layer in (0, lm.n_layers // 2, lm.n_layers - 1):
        matrix = ffn_matrices(lm, [layer])[-1]
        weight = dict(lm.model.named_parameters())[matrix.name]
        (whole,) = torch.autograd.grad(loss(), weight)
        rank = int(torch.linalg.matrix_rank(whole.detach().double(), rtol=1e-5))
        print(f"    layer {layer}: the gradient of W_out, {tuple(whole.shape)}, has rank {rank}")

# %% [markdown] lang="en"
# <details><summary>What was wrong with the first statement?</summary>
#
# The gradient has rank one **per token**, not per example. An example of $T$ tokens gives a sum of $T$ outer products, and so a rank of *at most* the number of
# tokens with $\delta_t \ne 0$. The answer's last token predicts nothing: the answer is read one token earlier, at *speaks*. So its $\delta$ is zero, and
# $T - 1$ at most are left. With the loss on one prediction only one $\delta_t$ is left in the last layer, since there a token's output reaches only its own
# prediction, and the rank is one. In every layer below, attention carries earlier tokens to that one, and they get a $\delta$ too.
#
# Whoever stores "the" pair $(u, v)$ of an example therefore loses most of its gradient. MEND stores a pair per token.
#
# </details>
#
# <details><summary>And with the second?</summary>
#
# MEMIT has no hypernetwork. Nothing is trained before an edit: like ROME it locates a layer and solves a least-squares problem. It is a
# locate-then-edit method (lesson 06). It also came in 2022, a year after MEND. What both have in common is that they use low rank, for two different reasons.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## By hand
#
# Take paper. $d_{in} = 2$, $d_{out} = 3$, and three tokens:
#
# $$x_1 = \begin{pmatrix}1\\0\end{pmatrix},\; \delta_1 = \begin{pmatrix}1\\0\\2\end{pmatrix},\qquad
# x_2 = \begin{pmatrix}1\\1\end{pmatrix},\; \delta_2 = \begin{pmatrix}0\\1\\0\end{pmatrix},\qquad
# x_3 = \begin{pmatrix}0\\1\end{pmatrix},\; \delta_3 = \begin{pmatrix}0\\0\\0\end{pmatrix}$$
#
# 1. Write down the three outer products $\delta_t x_t^\top$ and their sum $G$. What is the rank of $G$? What is the most it could have been?
# 2. Somebody adds the tokens up first: $(\sum_t \delta_t)(\sum_t x_t)^\top$. What do they get?
# 3. One step of gradient descent with $\alpha = 0.5$: what is the change of $W$?
# 4. An editor doubles $\delta_2$ and leaves the rest alone. What is the change now?
# 5. How many weights has a linear editor for this layer, from whole gradients and from factors?
# 6. ENN in one dimension: $L(\theta) = \frac12(\theta - 3)^2$, $\theta = 1$, rate 0.5. Where does one step lead? How much does the *new* $\theta'$ move
#    if the *old* $\theta$ moves by a little?
#
# <details><summary>1 and 2: the numbers</summary>
#
# $G = \begin{pmatrix}1&0\\0&0\\2&0\end{pmatrix} + \begin{pmatrix}0&0\\1&1\\0&0\end{pmatrix} + 0 = \begin{pmatrix}1&0\\1&1\\2&0\end{pmatrix}$,
# of rank 2. There are two bounds, and here both are 2: two tokens have $\delta \ne 0$, and $G$ has two columns.
#
# The sums are $(1, 1, 2)^\top$ and $(2, 2)^\top$; their product is $\begin{pmatrix}2&2\\2&2\\4&4\end{pmatrix}$: rank one, and wrong everywhere.
#
# </details>
#
# <details><summary>3 and 4: the numbers</summary>
#
# $-0.5\,G = \begin{pmatrix}-0.5&0\\-0.5&-0.5\\-1&0\end{pmatrix}$. With $\tilde\delta_2 = 2\delta_2$ only the middle row changes, to $(-1, -1)$.
#
# </details>
#
# <details><summary>5 and 6: the numbers</summary>
#
# $(2 \cdot 3)^2 = 36$ and $(2 + 3)^2 = 25$. The gain is small here. For $1024 \times 1024$ it is a factor of 262 144.
#
# $\theta' = 1 - 0.5 \cdot (1 - 3) = 2$. And $\theta' = \theta - 0.5(\theta - 3) = 0.5\,\theta + 1.5$, so $\theta'$ moves half as much as $\theta$. Whoever treats
# the gradient as a constant gets 1 in place of 0.5. The missing part is the second derivative.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Build
#
# Seven exercises: five for MEND, one for ENN, one for KE.
#
# - Write your code where it says `# YOUR CODE HERE`, and take out the `raise` line.
# - Run the `check` below it. The card says which claims hold, and what to look at if one doesn't. Check as often as you like.
#   At grading the same cell holds more claims than you see here.
# - Stuck? Remove the `#` in front of `hint(...)` and run it. There are three hints: a nudge, an outline, almost the code.

# %% [markdown] lang="en" exercise="mend.gradient_factors" slideshow={"slide_type": "slide"}
# **Why.** Everything in MEND starts from the pairs $(x_t, \delta_t)$. PyTorch computes both on its way to a gradient, and throws them away.
# Catch them.
#
# $x_t$ passes in the forward pass. $\delta_t = \partial L / \partial y_t$ exists only after the loss is known. So hold on to the layer's
# *output* during the forward pass, and ask autograd for the gradient at it.
#
# `layer` is an `nn.Linear`, or GPT-2's `Conv1D`, which stores its weight as $(d_{in}, d_{out})$. Its input has the shape $(B, S, d_{in})$, $B$ rows of
# $S$ tokens. Give back $x$ of shape $(T, d_{in})$ and $\delta$ of shape $(T, d_{out})$ with $T = B\,S$. Both are plain numbers: they carry no graph.
#
# *Take care:* take your hook off again. Use `torch.autograd.grad`: `loss.backward()` would write into the `.grad` of every parameter of the model.
# And keep all tokens, padding too.

# %% nbgrader={"grade": false, "grade_id": "mend-gradient_factors", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gradient_factors(layer, loss_fn):
    ### BEGIN SOLUTION
    kept = []
    handle = layer.register_forward_hook(lambda module, args, output: kept.append((args[0], output)))
    try:
        loss = loss_fn()
    finally:
        handle.remove()
    x, output = kept[-1]
    (delta,) = torch.autograd.grad(loss, output)
    return x.detach().reshape(-1, x.shape[-1]), delta.reshape(-1, delta.shape[-1])
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "mend-gradient_factors-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("mend.gradient_factors", gradient_factors)
### BEGIN HIDDEN TESTS
grade("mend.gradient_factors", gradient_factors)
### END HIDDEN TESTS

# %%
# hint("mend.gradient_factors")

# %% [markdown] lang="en" exercise="mend.gradient_from_factors" slideshow={"slide_type": "slide"}
# **Why.** To see that nothing was lost, put the gradient together again:
#
# $$\nabla_W L = \sum_{t=1}^{T} \delta_t\, x_t^\top$$
#
# of shape $(d_{out}, d_{in})$.
#
# *Take care:* one outer product per token, then the sum. No mean: if the loss is a mean over tokens, that is in $\delta$ already.

# %% nbgrader={"grade": false, "grade_id": "mend-gradient_from_factors", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gradient_from_factors(x, delta):
    ### BEGIN SOLUTION
    return delta.T @ x
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "mend-gradient_from_factors-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("mend.gradient_from_factors", gradient_from_factors)
### BEGIN HIDDEN TESTS
grade("mend.gradient_from_factors", gradient_from_factors)
### END HIDDEN TESTS

# %%
# hint("mend.gradient_from_factors")

# %% [markdown] lang="en" exercise="mend.editor_size" slideshow={"slide_type": "slide"}
# **Why.** The whole point of the factors is one number. Count the weights of a linear map
#
# - from whole gradients to whole updates (`factored=False`),
# - from one token's pair $[x_t; \delta_t]$ to another such pair (`factored=True`).
#
# *Take care:* a linear map from $n$ numbers to $n$ numbers is an $n \times n$ matrix. No bias is counted. Stay with whole numbers.

# %% nbgrader={"grade": false, "grade_id": "mend-editor_size", "locked": false, "schema_version": 3, "solution": true, "task": false}
def editor_size(d_in, d_out, factored):
    ### BEGIN SOLUTION
    n = d_in + d_out if factored else d_in * d_out
    return n**2
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "mend-editor_size-test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("mend.editor_size", editor_size)
### BEGIN HIDDEN TESTS
grade("mend.editor_size", editor_size)
### END HIDDEN TESTS

# %%
# hint("mend.editor_size")

# %% [markdown] lang="en" exercise="mend.mend_update" slideshow={"slide_type": "slide"}
# **Why.** The editor gives new factors. This turns them into the change of the weight:
#
# $$\Delta = -\alpha \sum_t \tilde\delta_t\, \tilde x_t^\top$$
#
# With factors that were not changed this must be one step of gradient descent. So without normalisation an editor that knows nothing would be one step of
# fine-tuning. With it (step 2) it starts from a larger, more even step. You will see how that goes.
#
# *Take care:* mind the sign. The code released with the paper *adds*, starts with a positive rate, and leaves it to training to
# turn the sign round. And let gradients pass: the outer loss trains the editor through this very line.

# %% nbgrader={"grade": false, "grade_id": "mend-mend_update", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mend_update(x_t, delta_t, lr):
    ### BEGIN SOLUTION
    return -lr * delta_t.T @ x_t
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "mend-mend_update-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("mend.mend_update", mend_update)
### BEGIN HIDDEN TESTS
grade("mend.mend_update", mend_update)
### END HIDDEN TESTS

# %%
# hint("mend.mend_update")

# %% [markdown] lang="en" exercise="mend.editor_loss" slideshow={"slide_type": "slide"}
# **Why.** This is the outer problem of (5.5): what is a good editor? One whose edits are believed, and are not noticed elsewhere.
#
# $$L = c_{edit} \cdot \frac1n \sum_{i=1}^{n} -\log p_{\tilde W}(y'_i \mid x'_i)
# \;+\; \frac1m \sum_{j=1}^{m} \sum_{v} p_W(v \mid k_j) \log \frac{p_W(v \mid k_j)}{p_{\tilde W}(v \mid k_j)}$$
#
# with a weight $c_{edit}$ (an argument), $n$ edited prompts $x'_i$, $m$ kept prompts $k_j$, and words $v$ of the vocabulary. `logp_edit` holds the $\log p_{\tilde W}(y'_i \mid x'_i)$;
# the other two are *logits* on the kept prompts.
#
# *Take care:* this divergence is weighed by the *old* model. ROME's (5.18) was weighed by the new one.

# %% nbgrader={"grade": false, "grade_id": "mend-editor_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def editor_loss(logp_edit, logits_after, logits_before, c_edit):
    ### BEGIN SOLUTION
    after, before = logits_after.log_softmax(-1), logits_before.log_softmax(-1)
    divergence = (before.exp() * (before - after)).sum(-1)
    return -c_edit * logp_edit.mean() + divergence.mean()
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "mend-editor_loss-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("mend.editor_loss", editor_loss)
### BEGIN HIDDEN TESTS
grade("mend.editor_loss", editor_loss)
### END HIDDEN TESTS

# %%
# hint("mend.editor_loss")

# %% [markdown] lang="en" exercise="enn.enn_inner_step" slideshow={"slide_type": "slide"}
# **Why.** ENN's inner problem is a step of gradient descent, one rate per tensor:
#
# $$\theta' = \theta - \alpha\, \nabla L_{edit}(\theta)$$
#
# A step is easy. The outer loss looks at $\theta'$ and asks: *from which $\theta$ would that step have been better?* So the step must be a function that autograd can
# look through, **with the gradient in it**. That is what an optimiser of PyTorch can't do: it changes parameters in place.
#
# `params` and `lrs` are dictionaries with the same names. `loss(params)` gives the edit loss.
#
# *Take care:* make new tensors. A gradient is a constant unless you ask autograd to build a graph for it. And a tensor that the loss does not use
# stays where it was (`materialize_grads=True` gives it a gradient of zeros).

# %% nbgrader={"grade": false, "grade_id": "enn-enn_inner_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def enn_inner_step(params, loss, lrs):
    ### BEGIN SOLUTION
    grads = torch.autograd.grad(
        loss(params), list(params.values()), create_graph=True, allow_unused=True, materialize_grads=True
    )
    return {name: p - lrs[name] * grad for (name, p), grad in zip(params.items(), grads, strict=True)}
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "enn-enn_inner_step-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("enn.enn_inner_step", enn_inner_step)
### BEGIN HIDDEN TESTS
grade("enn.enn_inner_step", enn_inner_step)
### END HIDDEN TESTS

# %%
# hint("enn.enn_inner_step")

# %% [markdown] lang="en" exercise="ke.ke_lagrangian" slideshow={"slide_type": "slide"}
# **Why.** What should $c_{edit}$ be? There is no good answer: it weighs two things that can't be compared. KE asks for something that can be said:
# *make the edit as good as you can, but move the kept prompts by at most $\mu$.* The **margin** $\mu$ is a number of nats of KL divergence.
#
# $$\min_\omega L_{new} \quad\text{subject to}\quad D_{KL} \le \mu$$
#
# $L_{new}$ and $D_{KL}$ are the two means of Exercise 5, without $c_{edit}$. In code they are `loss_edit` and `kl_keep`.
#
# Such a problem becomes a Lagrangian with a price $\alpha \ge 0$ (not the rate from before):
#
# $$\mathcal{L} = L_{new} + \alpha\,(D_{KL} - \mu)$$
#
# The network goes downhill in $\mathcal{L}$, and $\alpha$ goes *uphill*: its derivative is $D_{KL} - \mu$. While the constraint is violated the price rises, once it holds
# the price falls.
#
# *Take care:* $\alpha$ is kept above 0 by whoever takes the step, outside this function. The bracket itself may be negative, and must stay so.

# %% nbgrader={"grade": false, "grade_id": "ke-ke_lagrangian", "locked": false, "schema_version": 3, "solution": true, "task": false}
def ke_lagrangian(loss_edit, kl_keep, margin, alpha):
    ### BEGIN SOLUTION
    return loss_edit + alpha * (kl_keep - margin)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "ke-ke_lagrangian-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("ke.ke_lagrangian", ke_lagrangian)
### BEGIN HIDDEN TESTS
grade("ke.ke_lagrangian", ke_lagrangian)
### END HIDDEN TESTS

# %%
# hint("ke.ke_lagrangian")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Run it
#
# Your functions on the bundled model. First: is a gradient of the real model the sum of your outer products?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
matrix = ffn_matrices(lm, [lm.n_layers - 2])[-1]
words, loss = loss_of_fact(lm, fact, "last")
x, delta = gradient_factors(matrix.module, loss)
mine = gradient_from_factors(x, delta)
(theirs,) = torch.autograd.grad(loss(), dict(lm.model.named_parameters())[matrix.name])
if theirs.shape != mine.shape:
    theirs = theirs.T  # Conv1D stores (d_in, d_out)
print(f"{len(words)} tokens, x {tuple(x.shape)}, δ {tuple(delta.shape)}")
print(f"difference to autograd's gradient, relative: {float((mine - theirs).norm() / theirs.norm()):.1e}")
print(f"numbers in the factors: {x.numel() + delta.numel():,}    in the gradient: {mine.numel():,}")
d_out, d_in = mine.shape
print(f"a linear editor of whole gradients: {editor_size(d_in, d_out, False):,} weights")
print(f"a linear editor of factors:         {editor_size(d_in, d_out, True):,} weights")
plots.plot_gradient(x, delta, words, "The fact's gradient, from your factors")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### One step of gradient descent is not enough
#
# The untrained editor, without normalisation, is your `mend_update` on unchanged factors: one step of gradient descent on the FFN matrices of the
# three upper layers. Is there a good rate? Every number is a mean over six facts that no editor has seen.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
patients = unseen[:6]
upper = range(lm.n_layers - 3, lm.n_layers)
rates = ("accuracy", "generality", "locality")


def tested(name, edit_of):
    """Means of three rates over the facts, each edited by itself. Nothing here uses keep data."""
    scores = [evaluate(lm, edit_of(one), [one]).after for one in patients]
    row = {rate: sum(score[rate].value for score in scores) / len(scores) for rate in rates}
    print(f"{name:34}" + "".join(f"{row[rate]:12.2f}" for rate in rates))


print(f"{'':34}" + "".join(f"{rate:>12}" for rate in rates))
for lr in (0.03, 0.05, 0.1, 0.3):
    step = Mend(lm, upper, lr=lr, norm=False)
    tested(f"one step, rate {lr}", lambda one, step=step: step(one, mend_update))

# %% [markdown] lang="en"
# No rate gets both. Where all six facts are written (0.1), about a third of the other answers are lost; where these are kept, facts are missing.
# At 0.3 the model is broken, and most of the new answers are gone with it.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Half a minute of MEND
#
# Now the outer problem, with your `editor_loss`. Every step draws 16 facts, writes them (one by one, or four in one edit, in turn), and judges the
# edited model on edit data and keep data. *Reliability* here is the mean probability of the new answers, *locality* the share of kept prompts whose most likely next token
# is the old one. The line below the cell is live.
#
# 20 steps are a beginning. The editor that comes with the model had 300.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
keep = [one.question for one in known]
watch = widgets.EditorWatch(editor_loss)
young = edu_edit.train_mend(
    lm, known, keep, steps=20, generator=torch.Generator().manual_seed(7),
    loss=watch.loss, progress=watch.progress,
)  # fmt: skip

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
watch.plot("20 steps of MEND: what the batches say")

# %% [markdown] lang="en"
# **Look at the first steps.** The new answers are likely from the start. Normalised factors make a large, even step, so the untrained editor already writes. What it
# has to *learn* is to leave the rest alone. In the run shown here reliability even falls at first, while locality rises: the editor learns to do less.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The test phase
#
# Training is over, and so is the need for keep data: an edit takes the fact alone. Test the young editor and the one that comes with the model,
# both with your `mend_update`; then ENN with your inner step, and KE.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
print(f"{'':34}" + "".join(f"{rate:>12}" for rate in rates))
tested("MEND, 20 steps", lambda one: young(one, mend_update))
tested("MEND, as it comes (300 steps)", lambda one: edu_edit.mend(lm, one, mend_update))
tested("ENN, as it comes", lambda one: edu_edit.enn(lm, one, enn_inner_step))
tested("KE, as it comes", lambda one: edu_edit.ke(lm, one))

# %% [markdown] lang="en"
# Six facts are few: one fact more or less is 0.17 in accuracy. Do not rank the lines by less than that; here it means that they can't be ranked.
# Lesson 12 compares all methods on many facts.
#
# The table measures otherwise than the curve. Its accuracy counts right answers, where the curve's reliability is a mean probability. Its locality is read on
# each fact's neighbours, where the curve takes any known question. So the two localities of the young editor differ.
#
# All are compared with the original model, ENN too. Its moved starting point alone, before any step, keeps 0.98 of
# the neighbours' answers.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
before = probes.probes(lm, fact, [*known, *unseen], most=3)
with edu_edit.mend(lm, fact, mend_update):
    after = probes.ask_again(lm, before)
plots.plot_answers(after, title="Written with your mend_update()")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### KE's price
#
# Five steps of KE with your `ke_lagrangian`. The margin $\mu$ narrows from 0.1 to 0.001 while it trains. Compare it with KL, line by line:
# which way must the price $\alpha$ go?

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
def priced(loss_edit, kl_keep, margin, alpha):
    print(f"KL {kl_keep.detach():.3f}   margin {margin:.3f}   α {alpha:.3f}")
    return ke_lagrangian(loss_edit, kl_keep, margin, alpha)


infant = edu_edit.train_ke(
    lm, known, keep, steps=5, generator=torch.Generator().manual_seed(7), lagrangian=priced
)
print(f"α after the last step: {infant.training['alphas'][-1]:.3f}")

# %% [markdown] lang="en"
# The kept prompts move by more than the margin in each of these steps, so the price only rises. It is so in nearly all of the training: in the 200 steps of the KE that
# comes with the model, noted every fourth step, $\alpha$ fell once (from 1.290 to 1.274, about step 14) and ended at 2.316. The margin narrows
# faster than the damage does.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The gradient microscope
#
# Now look at one gradient. Each small picture is the outer product of one token, the last one is their sum. Choose the fact, the layer, the matrix, and
# where the loss is read. It uses your `gradient_factors`. A new choice takes about half a second; one that was seen before comes at once.
#
# *Try this:* put the loss on the last answer token (its prediction, read one token earlier), and go from the last layer down. At which layer does the rank jump, and why there? Which
# token has the largest part, and why that one?

# %% tags=["demo"]
microscope = widgets.gradient_microscope(lm, unseen[:6], gradient_factors)
microscope.layer.value = lm.n_layers // 2
microscope.loss.value = "last"
microscope

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Break it
#
# | | what we spoil |
# |---|---|
# | **A** | no keep data: the outer loss is the edit term alone |
# | **B** | the other sign: $W + \alpha\sum_t \tilde\delta_t \tilde x_t^\top$ with the trained editor |
# | **C** | one pair per example: add the tokens up, then one outer product |
# | **D** | one pair alone: that of the token that predicts the answer's last word |
# | **E** | 16 facts in one edit; the editor was trained to write 1 or 4 |
#
# **First guess, then run.** Which of them fail to write the fact? Which write it, and hurt something else?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
careless = edu_edit.train_mend(
    lm, known, keep, steps=20, generator=torch.Generator().manual_seed(7),
    loss=lambda logp, after, before, c: -c * logp.mean(),
)  # fmt: skip


def one_pair(x_t, delta_t, lr):
    return mend_update(x_t.sum(0, keepdim=True), delta_t.sum(0, keepdim=True), lr)


def last_pair(x_t, delta_t, lr):
    # Tokens with δ = 0 are gone by now: the last one left predicts the answer's last word.
    return mend_update(x_t[-1:], delta_t[-1:], lr)


print(f"{'':34}" + "".join(f"{rate:>12}" for rate in rates))
tested("as it should be", lambda one: edu_edit.mend(lm, one, mend_update))
tested("A: no keep data, 20 steps", careless)
tested("B: the other sign", lambda one: edu_edit.mend(lm, one, lambda x, d, lr: -mend_update(x, d, lr)))
tested("C: one pair per example", lambda one: edu_edit.mend(lm, one, one_pair))
tested("D: the predicting token's pair", lambda one: edu_edit.mend(lm, one, last_pair))
many = unseen[:16]
crowd = evaluate(lm, edu_edit.mend(lm, many, mend_update), many).after
print(f"{'E: 16 facts in one edit':34}" + "".join(f"{crowd[rate].value:12.2f}" for rate in rates))

# %% [markdown] lang="en"
# **Explain.** Write one sentence for each of A to E. Then open the answers.
#
# *Your sentences:*
#
# - A:
# - B:
# - C:
# - D:
# - E:

# %% [markdown] lang="en"
# <details><summary>A: what does an editor learn without keep data?</summary>
#
# To shout. The edit term alone gets smaller with every larger step, so the editor learns to push the new answer as hard as it can,
# and other prompts give it too. Its accuracy is perfect. Compare it with the young editor of the same 20 steps: only the loss differs.
#
# </details>
#
# <details><summary>B: why does the sign matter, if it is learned anyway?</summary>
#
# Here it is the trained editor whose sign is turned: it pushes away from what it was trained to push towards, and the fact is not written. In *training* a
# wrong sign is not fatal: rates can cross zero, and the network can turn its output round. It costs time. The released code does start that way.
#
# </details>
#
# <details><summary>C and D: what is lost with one pair?</summary>
#
# C is $(\sum_t\tilde\delta_t)(\sum_t \tilde x_t)^\top$. It contains the right products $\tilde\delta_t \tilde x_t^\top$, and all the crossed ones: the $\delta$ of one token with the $x$ of another.
# These write to keys that nobody asked for, so the fact may still be written, at the price of other prompts.
# D leaves the other tokens out (the answer's own token, with $\delta = 0$, never came so far). What stays is
# the pair of the token that predicts the answer's last word, and for five of the six facts that is enough: it is the largest part. The sixth answer,
# *Syntag Systems*, has two words. The pair that would predict the first one is missing, and the fact is not written.
#
# </details>
#
# <details><summary>E: why is there a limit?</summary>
#
# The changes of the facts are added, and every fact feels the changes that were meant for others. The editor was trained on sums of 1 and of 4, and knows how to
# keep these small. Nothing in it looks at 16 at a time. Lesson 06 solves for thousands of facts *together*; MEND adds them up.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Discuss
#
# 1. An editor was trained on facts about cities and jobs. Would you let it edit a fact about medicine? What would you test first?
# 2. The editor only fits the weights it was trained on. After how many edits is the model another one? How would you notice?
# 3. ROME needs no training, MEND none at edit time. For which numbers of edits does which pay off?
# 4. Keep data say what must not change. Who chooses them, and what happens to facts that nobody thought of?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Go further
#
# - **One editor for several layers.** In MEND matrices of one shape share a network, with a scale and a shift of their own. Train one
#   editor per matrix instead. How many weights, and is it better?
# - **The rank of the editor.** `train_mend(..., rank=r)` for $r$ = 1, 4, 16, 64. From which rank on does locality stop to grow?
# - **MEND against plain gradient descent, at equal norm.** Scale both changes to the same $\lVert\Delta\rVert$. Which writes more, which hurts more?
# - **ReLU in place of the clamp.** `activation="relu"`: the network starts as the identity with all pre-activations at 0, where ReLU has the slope 0 in
#   PyTorch. What can it still learn?
# - **First order.** `train_enn(..., first_order=True)` drops the second derivatives. What does it save, what does it lose?
# - **Another model.** Change `MODEL` at the top to `"atlas-llama"`. Its FFN has three matrices. What changes in your code? (Nothing.)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What you built
#
# - `gradient_factors`, `gradient_from_factors`: a gradient, taken apart into one pair per token and put together again;
# - `editor_size`: why a hypernetwork of whole gradients can't be built, and one of factors can;
# - `mend_update`, `editor_loss`: the inner and the outer side of MEND;
# - `enn_inner_step`: a step of gradient descent that can be learned through (5.5);
# - `ke_lagrangian`: a limit on damage, and a price that ascent adapts.
#
# **Next: lesson 08, patches.** So far every edit changed weights that all prompts share. T-Patcher and CaliNET add a few neurons of their own, which fire for the
# edited fact and, if all goes well, for nothing else.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exit quiz

# %% slideshow={"slide_type": "-"}
answers = {"rank": "", "output": "", "outer": "", "test": ""}
quiz("mend.exit", answers)

# %% [markdown] lang="en" tags=["lecturer"] slideshow={"slide_type": "notes"}
# <details><summary>For the lecturer (not in the student notebook)</summary>
#
# **Timings, 130 minutes.** Promise and quiz 10 · idea 25 · spot the slip 5 · by hand 15 · MEND's exercises 40 · ENN and KE 15 · run and break 15 · discussion 5.
# For a 90-minute class leave out ENN and KE; nothing in "Break it" needs them.
#
# **What goes wrong, most frequent first.**
#
# | exercise | error | how to help |
# |---|---|---|
# | 1 | one pair per example | let them compute by-hand question 2 |
# | 1 | the gradient at the layer's *input* | which of the two does $W$ meet? draw $y_t = Wx_t$ |
# | 1 | `loss.backward()`, hook left on | ask what the next call of the layer does |
# | 5 | KL the wrong way round | which model is to be kept? it weighs the sum |
# | 6 | `create_graph` forgotten: right numbers, nothing to learn through | by-hand question 6, 1 in place of 0.5 |
# | 4 | plus in place of minus | a step of SGD must come out |
# | 7 | a clamp at 0 on the bracket | what would ever bring $\alpha$ down? |
#
# **Demonstrate:** the microscope, from the last layer down; the first line of the training (it writes at once, and harms); break A beside the young editor.
#
# **Rubric for "Explain".** Full: names the mechanism (no term against large steps, climbing, crossed products, missing tokens, summed changes). Half: describes
# what the table shows.
#
# **If time is short,** skip KE and the test of six facts per method. Cells with the tag `demo` can be left out: outside of them nothing depends on them.
#
# </details>

# %% [markdown] lang="en"
# ## References
#
# - E. Mitchell, C. Lin, A. Bosselut, C. Finn, C. Manning: *Fast Model Editing at Scale*. ICLR 2022. arXiv 2110.11309. MEND.
# - N. De Cao, W. Aziz, I. Titov: *Editing Factual Knowledge in Language Models*. EMNLP 2021. arXiv 2104.08164. KE.
# - A. Sinitsin, V. Plokhotnyuk, D. Pyrkin, S. Popov, A. Babenko: *Editable Neural Networks*. ICLR 2020. arXiv 2004.00345. ENN.
# - The textbook, §5.2.2, equation (5.5), figure 5.7.
