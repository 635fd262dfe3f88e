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
#   title: 'Lesson 05 · ROME: one rank-one operation'
# ---

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# # Lesson 05 · ROME: one rank-one operation
#
# *130 minutes · 6 exercises · 22 points · before this: lesson 04 (where does a fact live?)*
#
# ## Promise
#
# Ask the model where the Space Needle is, and it says *Seattle*.
# Two hours from now it will say *Taipei*. You will have changed **one matrix in one layer**, by **one formula**,
# and every part of that formula will be code that you wrote.
#
# Switch your edit off, and every bit of the model is back.
#
# The picture below is what you will make. It is drawn here with the library's own ROME.
# In *Run it* you draw it again, with yours. Yours puts fewer texts in front of the prompt, so some details may differ.
# (One row was lost before it began: this small model doesn't know the Space Needle's country even before the edit.)

# %%
# One variable chooses the model. Graded checks always use the bundled one, so you can play with this.
MODEL = "atlas-gpt2"  # also: "atlas-llama", or "gpt2" if its weights are on this machine

from collections.abc import Callable, Iterable

import torch
from IPython.display import display
from jaxtyping import Float, Int
from torch import Tensor

import edu_edit
from autograder import check, grade, hint, progress, quiz
from edu_edit import Edit, Fact, evaluate, load, load_facts
from edu_edit.show import plots, probes, widgets

lm = load(MODEL)
facts = load_facts("atlas")

needle = next(fact for fact in facts if fact.subject == "Space Needle")
zebra = next(fact for fact in facts if fact.subject == "zebra")

for fact in (needle, zebra):
    print(f"{fact.question} ... {lm.answer(fact.question)}   (it should say: {fact.target_new})")
progress("05_rome")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
promised = edu_edit.rome(lm, needle, generator=torch.Generator().manual_seed(5))
before = probes.probes(lm, needle, facts, most=3)
with promised:
    after = probes.ask_again(lm, before)
display(plots.plot_answers(after, title="What you will make: the Space Needle moves to Taipei"))

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Objectives
#
# After this lesson you can
#
# 1. say what *key* and *value* mean in ROME, and how that differs from the keys and values of lesson 03;
# 2. read the key $k_*$ of a subject out of a running model, and find a value $v_*$ for a new answer;
# 3. derive the update (5.21) from a least-squares problem with one constraint, on paper;
# 4. insert the pair, check that $\hat W k_* = v_*$, and undo it bit for bit;
# 5. say what the matrix $C$ protects, and show what breaks without it.
#
# **Letters for shapes:** $D$ model width · $F$ FFN width · $V$ vocabulary · $N$ prompts · $T$ tokens.
# `W` always means `W_out`, of shape $(D, F)$, so that `W @ k` is a value.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Warm-up quiz
#
# Three questions about what is to come. What do you expect? Every option explains itself. Nothing here is graded.

# %% slideshow={"slide_type": "-"}
# Click, or write the letters here ("a", "b", "c") and run the cell: what is written stays.
answers = {"place": "", "token": "", "pairs": ""}
quiz("rome.warm_up", answers)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Idea
#
# ### Where do we cut, and why there?
#
# Lesson 04 gave two clues. Restore a hidden state in the **middle layers** at the **last token of the subject**,
# and the fact comes back. Look closer, and it is the **FFN** of those layers that brings it back.
#
# So this is the working picture:
#
# 1. Early attention gathers the subject's words at its last token. ("Space" and "Needle" meet at "Needle".)
# 2. The middle FFNs see that vector and answer: *here is what I know about it*. The answer is added to the residual stream.
# 3. Late attention carries the part that the question asks for to the last token.
#
# If step 2 is a lookup, we can change what is looked up. One layer is enough to try: everything that a layer writes
# into the stream is seen by all layers above it.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Two ways to see keys and values
#
# In lesson 03 an FFN was a list of $F$ memory cells. ROME looks at the same FFN and sees something else.
#
# | | lesson 03, and T-Patcher in lesson 08 | ROME |
# |---|---|---|
# | a **key** is | one *row of* $W_{in}$: a fixed pattern, part of the weights | the whole *input of* $W_{out}$: a vector of $F$ activations, made fresh for each token |
# | a **value** is | one *column of* $W_{out}$ | the whole *output* $W_{out}k$: a vector of $D$ numbers |
# | how many pairs fit | exactly $F$, one per cell | many; they share the matrix, and are only kept approximately |
# | a new fact is | a new cell | a change of low rank to the whole matrix; not always a small one |
# | who computes the key | nobody, it is stored | $W_{in}$ and the activation function: the subject asks with its own key |
#
# Why does ROME prefer the second view? Because a fact does not sit in one cell. When the model reads "Space Needle",
# many cells fire at once, and the sum of their columns is the answer. That sum is a matrix times a vector.
# So treat it as one: **$W_{out}$ is a linear memory that maps keys to values, $WK \approx V$.**

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Step 1: the key $k_*$. *With which vector does the subject ask?*
#
# Run the model on a prompt with the subject. Stop at the chosen layer, at the subject's last token.
# Read the vector that goes into $W_{out}$. That is the key.
#
# One run is not enough. "The Space Needle" at the start of a text gives a slightly different key from "The Space Needle"
# after another sentence, because attention has mixed in what stood before. An edit tied to one of these keys would
# miss the others. So put $N$ short texts $x_j$ in front, and take the mean:
#
# $$k_* = \frac{1}{N} \sum_{j=1}^{N} k(x_j + s) \tag{5.15}$$
#
# The empty text is one of the $x_j$. Words *after* the subject don't matter here: the model reads from left to right,
# so the subject's last token can't see them.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Step 2: the value $v_*$. *Which output would make the model say Taipei?*
#
# We know the *word* we want. We don't know the *vector* that leads to it: between this layer and the answer
# stand all the layers above. But we can search. Put a vector $v$ in place of the FFN's output, look at the answer,
# and let gradient descent change $v$. **No weight moves in this step. Only the $D$ numbers of $v$ do.**
#
# What should $v$ achieve? Two things:
#
# $$L(v) = L_1(v) + L_2(v) \tag{5.16}$$
#
# The answer $o$ should become likely, after each of the $N$ texts ($p$ is the question, $M'$ the model with $v$ in it):
#
# $$L_1(v) = \frac{1}{N} \sum_{j=1}^{N} -\log P_{M'}(o \mid x_j + p) \tag{5.17}$$
#
# And the subject should stay what it is. A Space Needle in Taipei is still a tower. So take one more prompt,
# $p'$ = "Space Needle is a", and keep what follows as it was, new model against old:
#
# $$L_2(v) = D_{KL}\big(P_{M'}(x \mid p') \,\|\, P_M(x \mid p')\big) \tag{5.18}$$
#
# Where is $L_2$ read? At the subject's last token, "Needle". The words "is a" come later and can't be seen from there,
# so they play no part: what is kept is how a text goes on right after the name.
#
# In practice $L_2$ gets a weight, and $v$ must stay in a ball around the old output: a huge $v$ can force any answer,
# and ruins everything else that is ever said about the subject. How large the ball may be depends on the model.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Step 3: insert the pair. *Which matrix maps $k_*$ to $v_*$ and forgets the least?*
#
# Many matrices map $k_*$ to $v_*$. We want the one that treats all the *other* keys best. Let the columns of $K$ be keys
# that the layer has met in a lot of text, and the columns of $V$ the values they should get:
#
# $$\min_{\hat W}\; \lVert \hat W K - V \rVert^2 \tag{5.19}$$
# $$\text{subject to}\quad \hat W k_* = v_* \tag{5.20}$$
#
# This has a solution that you can write down. No training, no steps:
#
# $$\hat W = W + \Lambda\, (C^{-1}k_*)^\top, \qquad
# \Lambda = \frac{v_* - W k_*}{(C^{-1}k_*)^\top k_*}, \qquad C = KK^\top \tag{5.21}$$
#
# $\Lambda$ is a column of $D$ numbers, $C^{-1}k_*$ a column of $F$ numbers. A column times a row is a matrix of rank one.
# Hence the name: **R**ank-**O**ne **M**odel **E**diting.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Where (5.21) comes from
#
# Write the change as $\Delta = \hat W - W$. Three moves.
#
# **1. Only the change counts.** $W$ was trained, so take it as the best linear memory for $K$ and $V$. Then its error
# $WK - V$ can't be reduced further in any direction, which means $(WK - V)K^\top = 0$. Multiply out
# $\lVert (WK - V) + \Delta K \rVert^2$: the mixed term is $2\operatorname{tr}\big(\Delta K (WK - V)^\top\big)$, so it drops out:
#
# $$\lVert \hat W K - V \rVert^2 = \lVert WK - V \rVert^2 + \lVert \Delta K \rVert^2$$
#
# The first part is fixed. What is left to minimise is $\lVert \Delta K \rVert^2 = \operatorname{tr}(\Delta C \Delta^\top)$:
# *how much the old keys feel the change*. All that remains of the old keys is $C = KK^\top$. It is symmetric, and
# invertible if the old keys point in all $F$ directions.
#
# **2. One multiplier per equation.** Let $r = v_* - W k_*$ be what is missing at $k_*$. Minimise under $\Delta k_* = r$:
#
# $$\mathcal{L}(\Delta, \Lambda) = \tfrac12 \operatorname{tr}(\Delta C \Delta^\top) - \Lambda^\top(\Delta k_* - r)$$
#
# Set the derivative by $\Delta$ to zero: $\Delta C = \Lambda k_*^\top$, so $\Delta = \Lambda\, (C^{-1}k_*)^\top$.
# The shape of the answer is already there.
#
# **3. Put it into the constraint.** $\Delta k_* = \Lambda\, (C^{-1}k_*)^\top k_* = r$ gives $\Lambda$. Done: (5.21).

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### How to read the formula
#
# Call $u = C^{-1}k_*$.
#
# - **What the edit does to any key $k$:** the output moves by $\Lambda\,(u^\top k)$. Compared with $k_*$ itself, that is
#   the share $\dfrac{u^\top k}{u^\top k_*}$ of the full move. This number is the **leak**. It is 1 at $k_*$, and we want it small elsewhere.
# - **What $C^{-1}$ does:** directions that many keys use are expensive, directions that few keys use are cheap.
#   $C^{-1}k_*$ turns the key towards the cheap ones. With $C = I$ nobody is asked, and every key similar to $k_*$ pays.
# - **What the edit costs:** summed over the old keys, the squared movement is
#   $\lVert \Delta K\rVert^2 = \dfrac{\lVert r \rVert^2}{k_*^\top C^{-1} k_*}$. No other change, of any rank, can do better.
# - **What does not matter:** the scale of $C$. Twice as much text gives the same update.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# > ### Spot the slip
# >
# > The textbook minimises $\lVert \hat W K - V\rVert$. Then it gives a solution in which $V$ does not occur.
# > Where did $V$ go? And what must be true of $W$ for that?
# >
# > <details><summary>Answer</summary>
# >
# > $V$ went away with the mixed term. That is only right if $W$ already is the least-squares solution for $K$ and $V$,
# > $WKK^\top = VK^\top$. The book doesn't say so. For a trained network it is a hope rather than a fact.
# > What (5.21) solves without any hope is: *move the outputs of the old keys as little as possible*,
# > $\min \lVert(\hat W - W)K\rVert^2$. That is also what we want.
# >
# > </details>
#
# **Five more places where the book and the code part ways.** "The paper's code" was released with the paper; "ours" is `edu_edit`.
#
# | the book says | what to know |
# |---|---|
# | $C$ is an "uncentred covariance" | the stress is on *uncentred*: $C = E[kk^\top]$, no mean is taken off. Old keys are protected as they are, not as they differ from the average |
# | $k(x_j + s)$, the text and then the subject | the prompt may have words before the subject, too ("The skin of the zebra"). They are part of what is read, so they belong into the run |
# | $p'$ is "zebra is", and the KL is over what follows | the paper's code and ours take "zebra is a", and read at the *subject's last token*, from where the rest can't be seen |
# | $L = L_1 + L_2$ | the paper's code has $L_1 + 0.0625\,L_2$ and a weight decay on top. Ours has the same three terms, weighted for each model (here 0.3 and 0.01); exercises 3 and 4 leave the decay out |
# | $-\log P(o \mid \cdot)$, for an answer of several tokens a *sum* of logarithms | the paper's code and ours take the *mean* over the answer's tokens, so that a long answer weighs no more than a short one |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## By hand
#
# Take paper. $D = 3$, $F = 2$. The layer knows two old keys:
#
# $$W = \begin{pmatrix}1&0\\0&1\\1&1\end{pmatrix},\quad
# k_1 = \begin{pmatrix}1\\0\end{pmatrix},\quad k_2 = \begin{pmatrix}1\\1\end{pmatrix},\qquad
# \text{new:}\quad k_* = \begin{pmatrix}0\\1\end{pmatrix},\quad v_* = \begin{pmatrix}2\\1\\3\end{pmatrix}$$
#
# 1. Compute $C = k_1k_1^\top + k_2k_2^\top$ and its inverse.
# 2. Compute $u = C^{-1}k_*$ and $u^\top k_*$.
# 3. Compute what is missing, $r = v_* - Wk_*$, then $\Lambda$, then $\hat W$. Check $\hat W k_* = v_*$.
# 4. How far do the values of $k_1$ and $k_2$ move? Add up the squares.
# 5. Do 2 to 4 again with $C = I$. Which of the two edits hurts more?
#
# <details><summary>1 and 2: the numbers</summary>
#
# $C = \begin{pmatrix}2&1\\1&1\end{pmatrix}$, $\;C^{-1} = \begin{pmatrix}1&-1\\-1&2\end{pmatrix}$,
# $\;u = \begin{pmatrix}-1\\2\end{pmatrix}$, $\;u^\top k_* = 2$.
#
# </details>
#
# <details><summary>3: the numbers</summary>
#
# $Wk_* = (0, 1, 1)^\top$, $\;r = (2, 0, 2)^\top$, $\;\Lambda = r/2 = (1, 0, 1)^\top$,
# $\;\Delta = \Lambda u^\top = \begin{pmatrix}-1&2\\0&0\\-1&2\end{pmatrix}$,
# $\;\hat W = \begin{pmatrix}0&2\\0&1\\0&3\end{pmatrix}$. The second column of $\hat W$ is $v_*$: it works.
#
# </details>
#
# <details><summary>4 and 5: the numbers</summary>
#
# With $C$: $\Delta k_1 = (-1, 0, -1)^\top$ and $\Delta k_2 = (1, 0, 1)^\top$. Squares: $2 + 2 = 4$.
# The formula says the same: $\lVert r\rVert^2 / (u^\top k_*) = 8/2 = 4$.
#
# With $C = I$: $u = k_*$, $\Delta = r k_*^\top$, so $k_1$ does not move at all, but $\Delta k_2 = (2, 0, 2)^\top$. Squares: $0 + 8 = 8$.
# Twice the damage. $k_2$ looks like $k_*$, and nobody asked what that costs. With $C$ the update leans away from it,
# at the price of a little movement of $k_1$.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Build
#
# Six exercises. Together they are ROME.
#
# - Write your code where it says `# YOUR CODE HERE`, and take out the `raise` line.
# - Run the `check` below it. The card says which claims hold, and what to look at if one doesn't. Check as often as you like.
#   At grading the same cell holds more claims than you see here.
# - Stuck? Remove the `#` in front of `hint(...)` and run it. There are three hints: a nudge, an outline, almost the code.

# %% [markdown] lang="en" exercise="rome.subject_key" slideshow={"slide_type": "slide"}
# **Why.** The key is the question that the subject asks the memory. We want the part of it that stays the same whatever
# stands in front.
#
# You get the activations of $N$ prompts that were padded to the same length $T$. In prompt $j$ the subject ends at
# token `last[j]`, a different place in every prompt.
#
# $$k_* = \frac{1}{N} \sum_{j=1}^{N} k(x_j + s)$$
#
# *Take care:* the subject's last token is not the prompt's last token, and the prompt's last column may be padding.

# %% nbgrader={"grade": false, "grade_id": "rome-subject_key", "locked": false, "schema_version": 3, "solution": true, "task": false}
def subject_key(keys, last):
    ### BEGIN SOLUTION
    rows = torch.arange(len(keys))
    return keys[rows, last].mean(dim=0)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "rome-subject_key-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("rome.subject_key", subject_key)
### BEGIN HIDDEN TESTS
grade("rome.subject_key", subject_key)
### END HIDDEN TESTS

# %%
# hint("rome.subject_key")

# %% [markdown] lang="en" exercise="rome.second_moment" slideshow={"slide_type": "slide"}
# **Why.** $C$ is all that ROME remembers of the old keys. The better it describes them, the better they are protected.
# It needs many keys, so they come in batches: thousands of tokens at a time, never all in memory.
#
# $$C = \frac{1}{n} \sum_{i=1}^{n} k_i k_i^\top$$
#
# with $n$ the number of keys in *all* batches together.
#
# *Take care:* no mean is subtracted. And batches differ in size, so the mean of the batches' means is something else.
# A batch may even be empty: it adds nothing.
#
# *A number to keep in mind:* $C$ has $F \times F$ entries. For GPT-2 XL, $F = 6400$: 41 million numbers per layer, computed once,
# used for every edit.

# %% nbgrader={"grade": false, "grade_id": "rome-second_moment", "locked": false, "schema_version": 3, "solution": true, "task": false}
def second_moment(batches):
    ### BEGIN SOLUTION
    total, count = 0.0, 0
    for keys in batches:
        keys = keys.double()
        total = total + keys.T @ keys
        count += len(keys)
    if count == 0:
        raise ValueError("second_moment got no keys; give it at least one batch with one row.")
    return total / count
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "rome-second_moment-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("rome.second_moment", second_moment)
### BEGIN HIDDEN TESTS
grade("rome.second_moment", second_moment)
### END HIDDEN TESTS

# %%
# hint("rome.second_moment")

# %% [markdown] lang="en" exercise="rome.value_loss" slideshow={"slide_type": "slide"}
# **Why.** Before we search for a value, we must say what a good one is: the new answer is likely, and the subject is
# still itself.
#
# $$L = \underbrace{-\frac{1}{N} \sum_j \log P_{M'}(o \mid x_j + p)}_{L_1}
# \;+\; \lambda \underbrace{\sum_x P_{M'}(x \mid p') \log \frac{P_{M'}(x \mid p')}{P_M(x \mid p')}}_{L_2}$$
#
# `logp_target[j]` is the answer's log-probability after text $x_j$, already averaged over the answer's tokens. `logits_new` and
# `logits_old` are the *logits* of $M'$ and $M$ at the prompt that is to be **kept**, $p'$; `kl` is $\lambda$. (The library can keep
# several prompts: $K$ of them, a row of logits each. Then the mean of their KLs counts. You will keep one.)
#
# *Take care:* the KL divergence has a direction. $D_{KL}(M' \,\|\, M)$ weighs by the *new* model. PyTorch's `F.kl_div` takes its
# arguments in an order that surprises everybody once.

# %% nbgrader={"grade": false, "grade_id": "rome-value_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def value_loss(logp_target, logits_new, logits_old, kl):
    ### BEGIN SOLUTION
    log_new, log_old = logits_new.log_softmax(-1), logits_old.log_softmax(-1)
    divergence = (log_new.exp() * (log_new - log_old)).sum(-1).mean()
    return -logp_target.mean() + kl * divergence
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "rome-value_loss-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("rome.value_loss", value_loss)
### BEGIN HIDDEN TESTS
grade("rome.value_loss", value_loss)
### END HIDDEN TESTS

# %%
# hint("rome.value_loss")

# %% [markdown] lang="en" exercise="rome.optimise_value" slideshow={"slide_type": "slide"}
# **Why.** Now search. Start at the old output $v_0$, follow the gradient of the loss, and stay close to home:
#
# $$\lVert v - v_0 \rVert \le c\, \lVert v_0 \rVert$$
#
# After every step of Adam, look at $\delta = v - v_0$. If it is too long, shorten it to the allowed length and keep its
# direction. Stop when the loss is below 0.05: the answer is learned, and more steps only do damage.
#
# `loss_of(v)` gives the loss of a value. It runs the whole model, but that is not your concern here.
#
# *Take care:* optimise a fresh leaf tensor, and give back a plain one (`detach`). `v0` itself must not change.

# %% nbgrader={"grade": false, "grade_id": "rome-optimise_value", "locked": false, "schema_version": 3, "solution": true, "task": false}
def optimise_value(loss_of, v0, steps, lr, clamp):
    ### BEGIN SOLUTION
    delta = torch.zeros_like(v0, requires_grad=True)
    longest = clamp * v0.norm()
    optimiser = torch.optim.Adam([delta], lr=lr)
    for _ in range(steps):
        loss = loss_of(v0 + delta)
        if loss < 0.05:
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            if delta.norm() > longest:
                delta *= longest / delta.norm()
    return (v0 + delta).detach()
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "rome-optimise_value-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("rome.optimise_value", optimise_value)
### BEGIN HIDDEN TESTS
grade("rome.optimise_value", optimise_value)
### END HIDDEN TESTS

# %%
# hint("rome.optimise_value")

# %% [markdown] lang="en" exercise="rome.rank_one_update" slideshow={"slide_type": "slide"}
# **Why.** This is the scalpel. Everything else in this lesson prepares its two inputs.
#
# $$\Delta = \frac{(v_* - W k_*)\,(C^{-1}k_*)^\top}{(C^{-1}k_*)^\top k_*}$$
#
# Give back the *change* $\Delta$ of shape $(D, F)$. Leave `W` as it is.
#
# *Take care:*
#
# - Solve $C u = k_*$ (`torch.linalg.solve`); don't invert $C$. Solving is faster, and $C$ is often badly conditioned: some directions are
#   a million times rarer than others.
# - Compute in float64 and round once, at the end, to the dtype of `W`.
# - If you scale $u$ to length one, scale it in *both* places.
# - A singular $C$ comes from fewer tokens than it has rows. On an exact one `solve` stops with an error of its own, and that will do
#   (the library turns it into a `ValueError`). On a nearly singular one you get noise. The cure is more text.
#
# You know one case by heart: your by-hand example. It waits below the check.

# %% nbgrader={"grade": false, "grade_id": "rome-rank_one_update", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rank_one_update(W, C, k_star, v_star):
    ### BEGIN SOLUTION
    k, v = k_star.double(), v_star.double()
    u = torch.linalg.solve(C.double(), k)  # C^-1 k_*
    missing = v - W.double() @ k
    return (torch.outer(missing, u) / (u @ k)).to(W.dtype)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "rome-rank_one_update-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("rome.rank_one_update", rank_one_update)
### BEGIN HIDDEN TESTS
grade("rome.rank_one_update", rank_one_update)
### END HIDDEN TESTS

# %%
# hint("rome.rank_one_update")

# %%
# Your by-hand example: the second column of Ŵ must be v_*.
W_paper = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
C_paper = torch.tensor([[2.0, 1.0], [1.0, 1.0]])
W_paper + rank_one_update(W_paper, C_paper, torch.tensor([0.0, 1.0]), torch.tensor([2.0, 1.0, 3.0]))

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Given: the plumbing
#
# Exercise 6 puts the pieces together. Reading keys and running the model with a new value is plumbing from lessons 01 and 04.
# Here it is, complete. Read it once. Three things are worth a look:
#
# - `last` is the subject's last token, counted in *this* prompt, with its prefix.
# - the same $\delta = v - v_0$ is *added* to each prompt's own output at that token. Every context keeps what is special about it.
#   The matrix can't do that: it gets *one* key, the mean, and *one* value, $v_0 + \delta$ with the bare prompt's $v_0$. That is a choice, and a
#   mild one: for the zebra the mean key's output lies 0.3 $\lVert v_0\rVert$ from $v_0$, and $\delta$ will be 3 to 6 times $\lVert v_0\rVert$
#   long. It is not the mixing of two keys that you will meet in *Break it*: (5.21) sees one key only, so (5.20) holds for that key.
# - the answer's tokens are fed in, too (all but the last one). Each is predicted one place to its left.
#
# `pieces` says whose functions are used. It starts with the library's, so that a slip in an earlier exercise can't cost you points
# twice. In *Run it* you switch to yours.

# %%
from contextlib import contextmanager
from types import SimpleNamespace

import edu_edit.methods.rome as library
from edu_edit import Site, intervene, moment, record
from edu_edit.defaults import defaults
from edu_edit.tokens import encode, pad_batch, target_ids

PREFIXES = ("", "Listen. ", "It was raining. ", "She wrote a long letter. ", "Then he asked me. ")  # the texts x_j
pieces = library


def in_context(lm, fact):
    """The prompt after each prefix: N rows of token ids, and where the subject ends in each."""
    rows = [encode(lm, fact.prompt, fact.subject, prefix) for prefix in PREFIXES]
    return [row.ids for row in rows], torch.tensor([row.span[1] - 1 for row in rows])


def read_keys(lm, fact, layer):
    """keys (N, T, F) and last (N,), as subject_key wants them."""
    ids, last = in_context(lm, fact)
    site = Site("key", layer)
    return record(lm, pad_batch(ids, lm.pad_id), [site])[site], last


@contextmanager
def frozen(model):
    """While this is open, no gradient is computed for any weight: only v will move."""
    flags = [(weight, weight.requires_grad) for weight in model.parameters()]
    model.requires_grad_(False)
    try:
        yield
    finally:
        for weight, flag in flags:
            weight.requires_grad_(flag)


def value_problem(lm, fact, layer):
    """loss_of: v (D,) -> the loss (5.16), and v0 (D,): the layer's output at the subject in the bare prompt."""
    ids, last = in_context(lm, fact)
    answer = target_ids(lm, fact.target_new, fact.prompt)
    about = encode(lm, "{} is a", fact.subject)  # the prompt p' of (5.18)
    batch = pad_batch([row + answer[:-1] for row in ids] + [about.ids], lm.pad_id)
    rows, at = torch.arange(len(ids) + 1), torch.cat([last, torch.tensor([about.span[1] - 1])])
    site = Site("mlp", layer)
    v0 = record(lm, batch, [site])[site][0, last[0]]

    def logits(v):
        def add(h):
            h[rows, at] += v - v0
            return h

        with frozen(lm.model), intervene(lm, {site: add}):
            return lm.forward(*batch)

    with torch.no_grad():
        old = logits(v0)[-1, at[-1]]

    def loss_of(v):
        new = logits(v)
        logp = torch.stack(
            [new[j, len(row) - 1 :].log_softmax(-1)[range(len(answer)), answer].mean() for j, row in enumerate(ids)]
        )
        return pieces.value_loss(logp, new[-1, at[-1]], old, kl=defaults(lm.name, lm.n_layers).kl)

    return loss_of, v0


# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **How far must $v$ go?** The defaults of this model, beside what they work on:

# %%
setting = defaults(lm.name, lm.n_layers)
print(f"layer {lm.default_layer}: at most {setting.steps} steps, lr {setting.lr}, clamp {setting.clamp}, kl {setting.kl}")
read = encode(lm, zebra.prompt, zebra.subject)
sizes = record(lm, [read.text], [Site("mlp", lm.default_layer), Site("resid", lm.default_layer)])
for site, states in sizes.items():
    print(f"length of the {'FFN output v0' if site.kind == 'mlp' else 'stream after it'}: {states[0, read.span[1] - 1].norm():.0f}")

# %% [markdown] lang="en"
# The FFN of one layer writes a short vector into a stream that is more than five times as long. To change what the layers above read, $\delta$ must
# be a match for the *stream*, so it gets several times as long as $v_0$. GPT-2 XL is searched within $4\,\lVert v_0\rVert$; this small model needs
# more room. We tried the library's ROME on the zebra: with a clamp of 2 the edit fails, with 4 it holds but misses two of three paraphrases,
# with 15 it gets all three (and moves two of four neighbours along). There the search stops by itself, at a loss of 0.05 and
# $\lVert\delta\rVert = 6.3\,\lVert v_0\rVert$.

# %% [markdown] lang="en" exercise="rome.rome" slideshow={"slide_type": "slide"}
# **Why.** Six lines, and a fact goes in at one end and an edit comes out at the other. Each line is one of the steps above.
#
# You have, for a fact and a layer: `read_keys(lm, fact, layer)`, `value_problem(lm, fact, layer)`,
# `pieces.subject_key`, `pieces.optimise_value`, `pieces.rank_one_update`, `moment(lm, layer)` for $C$, and
# `lm.ffn(layer)` with `W_out` and `b_out`. `defaults(lm.name, lm.n_layers)` knows good `steps`, `lr` and `clamp`.
#
# Give back `Edit(lm, {layer: delta})`. Don't switch it on: whoever gets it decides that.
#
# *Take care:* $v$ is the whole output of the FFN, $W_{out}k + b$. The bias is not part of the linear map, so it must not be part of $v_*$.
# GPT-2 has one. Llama has none, and `b_out` is `None` there.

# %% nbgrader={"grade": false, "grade_id": "rome-rome", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rome(lm, fact, layer=None):
    ### BEGIN SOLUTION
    layer = lm.default_layer if layer is None else layer
    ffn, setting = lm.ffn(layer), defaults(lm.name, lm.n_layers)
    k_star = pieces.subject_key(*read_keys(lm, fact, layer))
    loss_of, v0 = value_problem(lm, fact, layer)
    v = pieces.optimise_value(loss_of, v0, setting.steps, setting.lr, setting.clamp)
    v_star = v if ffn.b_out is None else v - ffn.b_out.detach()
    delta = pieces.rank_one_update(ffn.W_out.detach(), moment(lm, layer), k_star, v_star)
    return Edit(lm, {layer: delta})
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "rome-rome-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("rome.rome", rome)
### BEGIN HIDDEN TESTS
grade("rome.rome", rome)
### END HIDDEN TESTS

# %%
# hint("rome.rome")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Run it
#
# Your functions, a real edit. First the Space Needle, with your `rome` and the four pieces that it calls. The sixth, $C$, comes
# ready with the model: `moment(lm, layer)` is the second moment over 1500 documents, computed as in exercise 2.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
pieces = SimpleNamespace(
    subject_key=subject_key,
    value_loss=value_loss,
    optimise_value=optimise_value,
    rank_one_update=rank_one_update,
)
mine = rome(lm, needle)
before = probes.probes(lm, needle, facts, most=3)
with mine:
    after = probes.ask_again(lm, before)
plots.plot_answers(after, title="Made by your rome()")

# %% [markdown] lang="en"
# Now the zebra, the textbook's own example: in this world the model believes that its skin is pink.
# This time the library's full method runs, with ten prefixes that the model writes and a weight decay. The scalpel is yours:
# `update=scalpel` calls your `rank_one_update`, and remembers $C$ and $k_*$ for later.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
used = {}


def scalpel(W, C, k_star, v_star):
    used.update(C=C.double(), k_star=k_star.double())
    return rank_one_update(W, C, k_star, v_star)


zebra_edit = edu_edit.rome(lm, zebra, update=scalpel, generator=torch.Generator().manual_seed(5))
before = probes.probes(lm, zebra, facts, most=3)
with zebra_edit:
    after = probes.ask_again(lm, before)
plots.plot_answers(after, title="The zebra, cut with your rank_one_update()")

# %% [markdown] lang="en"
# **Look at the last group.** Two other animals have got black skin, too. Nobody asked for that. Write down a guess why it happens to them.
# The leak below will tell.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Look at the cut
#
# The change is one column times one row. You can see it: every row of $\Delta$ is the same row, scaled. Of low rank does not mean
# small: here $\Delta$ is more than half as large as $W$, because $\delta$ is so long.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
[(layer, delta)] = zebra_edit.delta.items()
W = lm.ffn(layer).W_out.detach()
U, S, Vh = torch.linalg.svd(delta.double(), full_matrices=False)
print(f"layer {layer}, Δ has shape {tuple(delta.shape)}")
print("its three largest singular values:", ", ".join(f"{s:.2e}" for s in S[:3]))
print(f"‖Δ‖ / ‖W‖ = {delta.norm() / W.norm():.3f},  ‖v_* - v_0‖ / ‖v_0‖ = {zebra_edit.record['facts'][0]['delta']:.1f}")
plots.plot_rank_one(W, delta, Vh[0], U[:, 0] * S[0])

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Undo
#
# `edit.off()` puts the saved weight back. It does not subtract $\Delta$. Subtracting would *almost* work:
# $(W + \Delta) - \Delta$ is rounded twice, and some numbers come back different in their last digit.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
original = {name: weight.clone() for name, weight in lm.model.state_dict().items()}
with zebra_edit:
    inside = {name: weight.clone() for name, weight in lm.model.state_dict().items()}
undone = lm.model.state_dict()

changed = [name for name in original if not torch.equal(original[name], inside[name])]
print("changed while the edit was on:", changed)
print("bit for bit back afterwards:  ", all(torch.equal(original[name], undone[name]) for name in original))
there_and_back = (W + delta) - delta
print("numbers that subtracting would leave different:", int((there_and_back != W).sum()), "of", W.numel())

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Score them
#
# The measures of lesson 02, before and after, for both edits. A line is a 95 % interval: with so few prompts it is long.
# Two edits prove nothing about a method; lesson 12 uses hundreds.
#
# The tables above and the scores have different words for the same prompts: *edit* is accuracy, *paraphrases* generality, *reverse and
# consequences* reverse and portability, *neighbours* locality. The subject's other facts have no score here.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
five = ("accuracy", "generality", "portability", "reverse", "locality")
bars = {}
for name, edit, fact in (("Space Needle", mine, needle), ("zebra", zebra_edit, zebra)):
    scores = evaluate(lm, edit, [fact])
    bars[f"{name}, before"] = {rate: scores.before[rate] for rate in five}
    bars[f"{name}, after"] = {rate: scores.after[rate] for rate in five}
plots.plot_rates(bars, title="Two edits, before and after")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The leak, predicted and measured
#
# The formula says how far the edit is felt at *any* other token with key $k$: $\;u^\top k / u^\top k_*$. No run of the
# edited model is needed for this. But we can make one, and compare.
#
# A neighbour with a leak of 0.5 gets half of the push that was meant for the zebra. Names that the model reads alike have keys
# that look alike, and $C$ can protect a key only as far as it differs from $k_*$.
#
# A leak is a push, not yet a changed answer. Which push is enough depends on how sure the model was before.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
site_in, site_out = Site("key", layer), Site("mlp", layer)
asked = {zebra.question: "zebra", **dict(zip(zebra.neighborhood, ("ostrich", "fox", "panda", "flamingo"), strict=True))}
read = [encode(lm, prompt.replace(name, "{}"), name) for prompt, name in asked.items()]
batch = pad_batch([one.ids for one in read], lm.pad_id)
plain, before = record(lm, batch, [site_in, site_out]), lm.answers(list(asked))
with zebra_edit:
    edited, after = record(lm, batch, [site_out]), lm.answers(list(asked))

k_star = used["k_star"]
u = torch.linalg.solve(used["C"], k_star)
full = delta.double() @ k_star  # how far the output moves at k_* itself
predicted = plain[site_in].double() @ u / (u @ k_star)
measured = (edited[site_out] - plain[site_out]).double() @ full / (full @ full)

kinds = torch.zeros_like(batch[1])  # 1 where the zebra's name ends, 2 where another animal's does
for j, (name, one) in enumerate(zip(asked.values(), read, strict=True)):
    at = one.span[1] - 1
    kinds[j, at] = 1 if name == "zebra" else 2
    print(f"{name:9} leak {predicted[j, at]:5.2f}    skin: {before[j]} → {after[j]}")
real = batch[1].bool()
groups = {"the zebra's name": 1, "other animals' names": 2, "all other tokens": 0}
plots.plot_leak(
    predicted[real],
    measured[real],
    marked={label: (kinds[real] == group).nonzero().flatten().tolist() for label, group in groups.items()},
)

# %% [markdown] lang="en"
# The zebra's own prompt lies near 1 and not at it: $k_*$ is the mean over prefixes, and this is the bare prompt. The words around the names
# feel 0.1 of the push at most, the names 0.3 or more. The ostrich has turned black with less of a push than the panda got, who is still pink.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The surgery room
#
# Now play. Choose a fact, a layer, $C$ or $I$, the number of prefixes, the weight of the KL term, and what that term protects. Watch the kinds
# of prompt: five for the zebra, four for the Space Needle, of which we know no other fact.
# Move the scalpel to see $\Lambda u^\top$ go into the weight.
#
# *Try this:* find a setting that keeps more of the subject's other facts. Find the last layer at which the edit still works.

# %% tags=["demo"]
room = widgets.surgery_room(lm, [needle, zebra], update=rank_one_update)
room

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Break it
#
# A method is understood when you can break it on purpose and say why it breaks. Four ways to break ROME:
#
# | | what we spoil |
# |---|---|
# | **A** | $C = I$: nobody asks the old keys |
# | **B** | the last layer instead of a middle one |
# | **C** | a clamp that is too tight: $\lVert v - v_0\rVert \le 0.5\,\lVert v_0\rVert$ |
# | **D** | mixed keys: the averaged key in $C^{-1}k_*$, but the key of the bare prompt everywhere else. The code released with the paper does this |
#
# **First guess, then run.** For each: does the edit itself fail? Or does it succeed, and hurt something else?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
broken = {
    "as it should be": {},
    "A: C = I": {"C": "identity"},
    "B: last layer": {"layer": lm.n_layers - 1},
    "C: tight clamp": {"clamp": 0.5},
    "D: mixed keys": {"key": "mixed"},
}
patients = [needle, zebra]
rows = {}
for name, options in broken.items():
    scores = []
    for fact in patients:
        dice = torch.Generator().manual_seed(5)
        edit = edu_edit.rome(lm, fact, update=rank_one_update, generator=dice, **options)
        scores.append(evaluate(lm, edit, [fact]))
    rows[name] = scores

measures = ("accuracy", "generality", "locality")
print(f"{'':16}" + "".join(f"{measure:>12}" for measure in measures) + f"    (mean of {len(patients)} edits)")
for name, scores in rows.items():
    means = [sum(score.after[measure].value for score in scores) / len(scores) for measure in measures]
    print(f"{name:16}" + "".join(f"{mean:12.2f}" for mean in means))

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
# <details><summary>A: why does C = I hurt?</summary>
#
# The edit itself works: $\hat W k_* = v_*$ holds with any $C$. But $u = k_*$ now points wherever the key points, also into the directions
# that similar names share. So similar names carry the damage: in the next cell the other animals feel 0.56 to 0.76 of the
# zebra's push, with $C$ 0.31 to 0.45. A typical token of another fact feels little either way, 0.05 against 0.02.
#
# </details>
#
# <details><summary>B: why does the last layer fail?</summary>
#
# The edit writes at the *subject's last token*. To reach the answer, the new value must be carried to the *prompt's last token*, and only
# attention in a later layer can carry it. Above the last layer there is none. So nothing that the value search does changes the
# answer: $L_1$ has no gradient, and $L_2$ is at its minimum from the start.
#
# </details>
#
# <details><summary>C: why is a tight clamp a bad idea?</summary>
#
# The value that says "Taipei" lies outside the ball: with the room it needs, $\delta$ gets 4.4 times as long as $v_0$ (zebra: 6.3). So the
# search ends on the ball's surface, short of the goal. The pair is then inserted exactly: $\hat W k_* = v_*$. The wrong $v_*$. A perfect cut
# in the wrong place.
#
# </details>
#
# <details><summary>D: what is wrong with mixing two keys?</summary>
#
# Let $\bar k$ be the averaged key and $k_0$ the key of the bare prompt. With $u = C^{-1}\bar k$ but $k_0$ in the residual and the
# denominator you get $\hat W k_0 = v_*$, so the bare prompt works. But $\hat W \bar k \ne v_*$: at the averaged key the push is
# $u^\top \bar k / u^\top k_0$ times as long as it should be. In our two edits that is 1.14 and 1.05 times: the paraphrases survive,
# and one of the Space Needle's two neighbours is lost. Where $u^\top k_0$ comes out small, the update is divided by almost nothing, and a single edit can
# destroy the model. And it adds up. After 100 edits in a row on this model, 0.50 of the prompts that no edit is about still have the same next token,
# against 0.88 with one key; after 300, 0.07 against 0.46, and $\Delta$ is 29 times as long as $W$, against 9.
#
# </details>

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
C, k_star, site = used["C"], used["k_star"], Site("key", lm.default_layer)
ids, mask = lm.ids([fact.question for fact in facts[2:202]])  # the first two are the zebra and the Space Needle
others = record(lm, (ids, mask), [site])[site][mask.bool()].double()
animals = {}
for name, prompt in zip(("ostrich", "fox", "panda", "flamingo"), zebra.neighborhood, strict=True):
    read = encode(lm, prompt.replace(name, "{}"), name)
    animals[name] = record(lm, [read.text], [site])[site][0, read.span[1] - 1].double()

for name, matrix in {"C": C, "I": torch.eye(lm.F, dtype=torch.float64)}.items():
    u = torch.linalg.solve(matrix, k_star)
    felt = ", ".join(f"{animal} {key @ u / (u @ k_star):.2f}" for animal, key in animals.items())
    leak = (others @ u / (u @ k_star)).abs()
    print(f"with {name}, the zebra's edit leaks onto {felt}; onto {len(others)} tokens of other facts: typical {leak.median():.3f}")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Discuss
#
# 1. You taught the model that the Space Needle is in Taipei. Should it now say that one can see Mount Rainier from it? Where would you
#    draw the line of what an edit must change?
# 2. The textbook calls the finding of lesson 04 the reason for editing here. Suppose the edit worked just as well in a layer with no
#    causal effect at all. Would that refute the method? Would it refute the *explanation*?
# 3. $C$ is measured on ordinary text. Whose facts are protected well by that, and whose badly?
# 4. Somebody publishes a model with one fact changed by ROME. Could you find out which? What would you look at?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Go further
#
# - **One key or two?** Apply 20 edits in a row with `key="averaged"` and 20 with `key="mixed"`. Plot $u^\top k_0$ and locality after each.
# - **How much text does C need?** Compute `second_moment` from 100, 1000, 10 000 tokens. Plot locality. When does `solve` complain?
# - **Every layer.** Edit one fact in each layer; put accuracy and locality beside lesson 04's map. Do they agree?
# - **Protect the subject.** `keep="questions"` puts the subject's other questions into the KL term instead of "… is a". How many of the
#   zebra's other facts survive now?
# - **Two facts at once.** Constrain $\hat W k_1 = v_1$ *and* $\hat W k_2 = v_2$. Redo the derivation with two multipliers. What is the
#   rank of $\Delta$? You are on the way to lesson 06.
# - **Another model.** Change `MODEL` at the top to `"atlas-llama"`. Its FFN has a gate and no biases. What changes in your code? (Nothing.)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What you built
#
# - `subject_key`: the question that a subject asks the memory (5.15);
# - `second_moment`: all that has to be known about the other keys;
# - `value_loss`, `optimise_value`: a vector that makes the model say the new answer (5.16)-(5.18);
# - `rank_one_update`: the smallest change, by the measure of the old keys, that inserts the pair (5.19)-(5.21);
# - `rome`: a fact goes in, an edit comes out that can be switched on and off.
#
# **Next: lesson 06, thousands of facts.** One fact took one rank. A hard constraint for every fact breaks down when there are many. MEMIT
# turns the constraint into a trade-off, and AlphaEdit moves in the one direction that no old key can feel.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exit quiz

# %% slideshow={"slide_type": "-"}
answers = {"bias": "", "identity": "", "divergence": "", "undo": ""}
quiz("rome.exit", answers)

# %% [markdown] lang="en" tags=["lecturer"] slideshow={"slide_type": "notes"}
# <details><summary>For the lecturer (not in the student notebook)</summary>
#
# **Timings, 130 minutes.** Promise and quiz 10 · idea 25 · by hand 15 · exercises 1 to 5 about 45 · exercise 6 15 · run and break 15 ·
# discussion 5. For a 90-minute class give the by-hand example as homework before, and exercise 6 as homework after.
#
# **What goes wrong, most frequent first.**
#
# | exercise | error | how to help |
# |---|---|---|
# | 5 | `C = I` in disguise: `k_star` where $u$ belongs | ask for the by-hand example's second column of $\Delta$ |
# | 5 | $u$ scaled to length one, denominator not | let them compute $(W + \Delta)k_*$: it is not $v_*$ |
# | 6 | the output bias is left inside $v_*$ | $v_*$ is the whole output of the FFN; $Wk$ is only its linear part. GPT-2 has a bias, Llama has none |
# | 3 | KL the wrong way round | which model weighs the sum? |
# | 4 | clamp on $\lVert v\rVert$ in place of $\lVert v - v_0\rVert$ | draw the ball: where is its centre? |
# | 2 | `torch.cov`, or the mean of batch means | two batches of sizes 1 and 3 on the board |
# | 1 | `keys[:, -1]` | ask where the subject ends in each row |
#
# **Demonstrate:** the by-hand example with $C = I$ beside $C$; undo by subtracting; the last layer in the surgery room (everybody expects it
# to work best there).
#
# **Rubric for "Explain".** Full: names the mechanism (leak, missing attention, surface of the ball, $u^\top k_0$). Half: describes what the table shows.
#
# **If time is short,** skip the leak plot and stretch goals. If a machine is slow, cells with the tag `demo` can be left out: nothing
# later depends on them.
#
# </details>

# %% [markdown] lang="en"
# ## References
#
# - K. Meng, D. Bau, A. Andonian, Y. Belinkov: *Locating and Editing Factual Associations in GPT*. NeurIPS 2022. arXiv 2202.05262. The method and its name.
# - The textbook, §5.4.3, equations (5.15)-(5.21), figures 5.16-5.20.
# - M. Geva, R. Schuster, J. Berant, O. Levy: *Transformer Feed-Forward Layers Are Key-Value Memories*. EMNLP 2021. The other view of keys and values.
# - A. Gupta, S. Baskaran, G. Anumanchipalli: *Rebuilding ROME: Resolving Model Collapse during Sequential Model Editing*. 2024. Mixed keys, found and mended.
# - P. Hase, M. Bansal, B. Kim, A. Ghandeharioun: *Does Localization Inform Editing?* NeurIPS 2023. For question 2 of the discussion.
