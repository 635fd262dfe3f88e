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
#   title: 'Lesson 06 · Thousands of facts: MEMIT and AlphaEdit'
# ---

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# # Lesson 06 · Thousands of facts: MEMIT and AlphaEdit
#
# *100 minutes · 5 exercises · 17 points · before this: lesson 05 (ROME: one rank-one operation)*
#
# ## Promise
#
# ROME wrote one fact. A model that needs one correction usually needs a thousand.
# How many facts fit into one matrix? And what do all the others pay for them?
#
# The picture below has the answer. Every point is an **editor**. Up means: the new facts get what they need. Left means: old
# knowledge stays where it is. There is a curve that **no editor can pass**, and you will write the one that lies on it.
#
# The picture is drawn here with the library's functions. At the end you draw it again, with yours.

# %%
# One variable chooses the model. Graded checks always use the bundled one, so you can play with this.
MODEL = "atlas-gpt2"  # also: "atlas-llama"

from collections.abc import Sequence
from types import SimpleNamespace

import torch
from IPython.display import display
from jaxtyping import Float
from torch import Tensor

import edu_edit
from autograder import check, grade, hint, progress, quiz
from edu_edit import Edit, Fact, evaluate, load, load_facts, moment
from edu_edit.compare.measured import measured_courses, measured_fits
from edu_edit.compare.plane import front, place, plane_points, plane_problem, rome_in_a_loop
from edu_edit.defaults import spread_defaults
from edu_edit.show import plots, widgets
from edu_edit.show.fit_figures import batch_curve, curves

lm = load(MODEL)
facts = load_facts("atlas")

# One fact for each subject, all of them with paraphrases and neighbours to judge by.
judged = [f for f in reversed(facts) if f.paraphrases and f.neighborhood and f.target_true]
crowd = list({fact.subject: fact for fact in judged}.values())
said = lm.answers([fact.question for fact in crowd[::8]])
patients = [fact for fact, answer in zip(crowd[::8], said, strict=True) if answer == fact.target_true][:10]
for fact in patients[:3]:
    print(f"{fact.question} ... {lm.answer(fact.question)}   (it should say: {fact.target_new})")
print(f"... and {len(patients) - 3} more facts, all at once")
progress("06_memit")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
hundred = plane_problem(lm, crowd[:100])
own = spread_defaults(lm.name, lm.n_layers)
plots.plot_plane(
    plane_points(hundred, (0.01, 0.1, own.lam, 1.0, 3.0, 10.0)),
    front(hundred),
    {"MEMIT": own.lam, "AlphaEdit": 0.02},
    title="What you will make: 100 facts in one matrix, and every editor's place",
)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Objectives
#
# After this lesson you can
#
# 1. turn ROME's hard constraint into a trade-off with a price $\lambda C$, and solve it for any number of facts;
# 2. say what $\lambda$ means, and why it is counted in multiples of $F$;
# 3. spread a residual over several layers, and say what must be read again after each;
# 4. project a change onto the null space of the preserved keys, and say why that needs a tolerance;
# 5. compare batch and sequential editing, and place ROME, MEMIT and AlphaEdit in one picture.
#
# **Letters for shapes:** $D$ model width · $F$ FFN width · $n$ facts. As before, $W$ is `W_out`, of shape $(D, F)$.
# Keys are the columns of $K$ $(F, n)$, and what they lack are the columns of $R$ $(D, n)$.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Warm-up quiz
#
# Three questions about what came before. Every option explains itself. Nothing here is graded.

# %% slideshow={"slide_type": "-"}
# Click, or write the letters here ("a", "b", "c") and run the cell: what is written stays.
answers = {"rank": "", "second": "", "null": ""}
quiz("memit.warm_up", answers)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Idea
#
# ### Why not run ROME a thousand times?
#
# ROME makes one promise, $\hat W k_* = v_*$, and keeps it exactly. The next fact makes its own promise. Its change is felt by every
# key that is a little like its own, and the first fact's key may be one of them. So **each promise bends those made before it**.
#
# One such push is small. After hundreds, the later facts have pushed the earlier ones away.
# Nobody has looked at all of them together.
#
# The textbook says of ROME that it does not edit in batch, and names the successor: MEMIT, *Mass-Editing Memory in a Transformer*.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### From a constraint to a trade-off
#
# Write down both wishes, and let them bargain. Let $k_i$ be the key of fact $i$, and $r_i$ what is missing there:
# the value it should have, minus the value it has, $r_i = v_i - W k_i$.
#
# $$\min_\Delta\;\; \underbrace{\lVert \Delta K - R \rVert^2}_{\text{what new facts still lack}}
# \;+\; \lambda\, \underbrace{\operatorname{tr}(\Delta C \Delta^\top)}_{\text{how much old keys feel}}$$
#
# The second part is the old friend from lesson 05: $C = E[kk^\top]$, and $\operatorname{tr}(\Delta C\Delta^\top)$ is the mean of
# $\lVert \Delta k\rVert^2$ over old keys. In (5.19)-(5.20) the first part was a *constraint*. Now it is a *wish* with a price $\lambda$
# on the other one.
#
# **The solution takes two moves.** Set the derivative by $\Delta$ to zero, and collect:
#
# $$(\Delta K - R)K^\top + \lambda \Delta C = 0
# \quad\Longrightarrow\quad
# \Delta = R K^\top\, (\lambda C + K K^\top)^{-1}$$
#
# No loop over facts, no training. A thousand facts make $K$ wider, but the matrix to solve stays $(F, F)$.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### What does $\lambda$ mean?
#
# Take one fact, $n = 1$, and let $s = k^\top C^{-1} k$. It says how far the key stands out among the old ones. Then the formula becomes
#
# $$\Delta k = \frac{s}{s + \lambda}\; r$$
#
# The fact gets a **share** of what it lacks. And the change is ROME's change, times that share.
#
# - $\lambda \to 0$: the share is 1, and MEMIT *is* ROME. With $n \le F$ linearly independent keys it is ROME for $n$ facts at once, all met exactly.
# - $\lambda = s$: half of it. $\lambda \to \infty$: nothing.
# - A key that stands out (large $s$) gets a larger share. Writing there disturbs others less.
#
# How large is $s$? Over the text that $C$ was made from, the mean of $k^\top C^{-1} k$ is exactly $F$, whatever the model:
# $E[k^\top C^{-1}k] = \operatorname{tr}(C^{-1} E[kk^\top]) = \operatorname{tr} I = F$. So **count $\lambda$ in multiples of $F$**.
# With $\lambda = F$ an average key gets half.
#
# *Numbers to keep in mind.* The released code has $\lambda = 20\,000$ for GPT-2 XL, where $F = 6400$: that is $3.1\,F$, and an average key gets 24 %
# per layer. Copy the 20 000 to our model with $F = 768$ and it gets 4 %. Then "MEMIT does not work".

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Facts that meet
#
# What if two facts have the *same* key? A constraint would have no solution. A trade-off has one:
#
# - **The same fact twice** counts as one fact at half the price.
# - **One key with two values** gets their mean. Nobody is happy, nothing breaks.
#
# This is not a rare accident. The key is read at the subject's last token, and a model reads from left to right. So in
# "*Diana Holloway* speaks" and "*Diana Holloway* has a pet" the key is the same. To this layer, two facts about one
# subject are one key with two values. Keep that in mind for the last section.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Several layers share the work
#
# Large changes in one matrix are risky, and tracing (lesson 04) found a *range* of layers. So MEMIT edits several.
#
# 1. At the **last** of them, find for each fact what the stream at the subject's last token must become: $z_i = h_i + \delta_i$. It is lesson 05's
#    search for a value, at the block's output.
#    The block adds $Wk$ to the stream. So what a layer below writes arrives there too, as far as the blocks between pass it on.
# 2. Go from the lowest layer to the highest. At each, read keys $K$ and the stream $h$ **again**, and let the layer add an equal share of what is
#    lacking *still*:
#
# $$R = \frac{z - h}{\text{layers left}}$$
#
# If every share arrives in full, all shares are equal. If one falls short, those above make up for it, and the last layer takes all that is left.
#
# Why read again? A change in layer 2 moves the stream. So layer 3 sees other keys than before, and must be edited for those.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### AlphaEdit: write where nobody reads
#
# MEMIT pays for moving old values. **AlphaEdit** forbids it. Take $C$ apart:
#
# $$C = U S U^\top, \qquad u_i^\top C\, u_i = s_i = \text{the mean of } (u_i^\top k)^2 \text{ over old keys}$$
#
# $s_i$ is the *energy* that old keys have in direction $u_i$. Where it is zero, no old key has any part. Collect those directions as the columns of a
# matrix $B$. Then $P = BB^\top$ is the **projector** onto them, and a change $\Delta P$ is felt by no old key: $\Delta P k = 0$.
#
# What is left to choose is fitted to the new keys $K$, kept at zero on the keys $K_p$ of *earlier edits*, and kept short:
#
# $$\min_\Delta\; \lVert \Delta P K - R \rVert^2 + \lVert \Delta P K_p \rVert^2 + \alpha \lVert \Delta P \rVert^2
# \;\Longrightarrow\;
# \Delta = R K^\top P\,\big(P (KK^\top + K_pK_p^\top) P + \alpha I\big)^{-1}$$
#
# It is MEMIT's formula, with keys $PK$ and another price. One fact gets the share $q/(q+\alpha)$ with $q = k^\top P k$, the part of its key
# that lies in the free directions. In code the number $\alpha$ is called `ridge`, and $K_pK_p^\top$ is `C_prev`.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Is there a null space at all?
#
# A direction is free if *no* old key uses it. $C$ is made from far more tokens than $F$. Then every direction is used a little,
# $C$ has full rank, and the exact null space is **empty**.
#
# So a **tolerance** is needed: directions count as free whose energy is at most `tol` times the largest. That is a compromise again:
#
# - `tol` small: few directions, old keys are safe, but new keys have little in them. To write anything, $\Delta$ must be huge.
# - `tol` large: much room, and old keys feel it.
#
# Take it *relative* to the largest eigenvalue. An absolute one, as in released code, means something else in every model: activations ten times larger
# have energies a hundred times larger.
#
# *Why does it work, then?* Names are rare. A subject's key has a large part in directions that ordinary text hardly uses. The same fact explains
# whom it protects least: keys of other names.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Batch or one after the other?
#
# | | **in batch** | **in sequence** |
# |---|---|---|
# | what | all facts in one system, one change | one change after the other, each on the model that the last one left |
# | facts know of each other | yes, through $KK^\top$ | no. The later one overwrites, unless earlier keys are protected |
# | who needs it | an update every month, all at once | corrections that come in day by day |
# | ROME | no batch | bends earlier facts |
# | MEMIT | made for this | has no term for earlier edits |
# | AlphaEdit | yes | made for this: $K_p$ |
#
# Papers often test one and speak of both. Table 5.2 of the textbook marks MEMIT "✓" for batch, and says nothing of sequences. You will see
# both, on the same 300 facts.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# > ### Spot the slip
# >
# > A summary of a well-known lecture has a tree of methods. Under "the surgeon is an AI (hypernetworks)" it lists
# > **MEMIT: uses the low rank of the gradient**, next to MEND, both dated 2021.
# >
# > A hypernetwork is a network that was *trained* to predict weight changes. If MEMIT were one, something must have been trained before the first edit.
# > And if it used gradients, its change should look like one. Compare their ranks and their directions. Guess first, then run.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
from edu_edit.methods.editor_storage import shipped_editor
from edu_edit.methods.mend_editor import Mend

ten = edu_edit.memit(lm, patients, generator=torch.Generator().manual_seed(6))
layer = max(ten.delta)
stored = lm.ffn(layer).down.weight
gradient = torch.zeros_like(stored)
for fact in patients:  # the gradient of -log P(new answer), added up over the ten facts
    asked, (ids, mask) = len(lm.ids([fact.question])[0][0]), lm.ids([f"{fact.question} {fact.target_new}"])
    logp = lm.forward(ids, mask)[0].log_softmax(-1)
    loss = -logp[range(asked - 1, ids.shape[1] - 1), ids[0, asked:]].sum()
    gradient += torch.autograd.grad(loss, stored)[0]
down = -(gradient.T if gradient.shape[0] == lm.F else gradient)
change = ten.delta[layer]

mend = Mend.load(lm, shipped_editor(lm, "mend"))
print("numbers trained before MEND's first edit:", sum(p.numel() for p in mend.networks.parameters()))
for name, matrix in (("MEMIT's change", change), ("the gradient", down)):
    print(f"rank of {name} for ten facts:", int(torch.linalg.matrix_rank(matrix.double(), rtol=1e-6)))
cosine = float((change * down).sum() / change.norm() / down.norm())
print(f"cosine of MEMIT's change and -gradient: {cosine:.2f}   (a step of gradient descent: 1.00)")

# %% [markdown] lang="en"
# <details><summary>Answer</summary>
#
# Nothing was trained before: $C$ is a mean, and the rest is solved. Both matrices are of low rank for a matrix with $D = 192$ rows (10 and 66), so the rank decides nothing.
# The *directions* do: the change has nearly nothing to do with the gradient. MEMIT's rank is the number of facts: one direction for each key.
# So MEMIT stands one branch higher: **the surgeon is human**, locate-then-edit, ROME's heir. It is from 2022 (published 2023). MEND
# (2021, published 2022) *is* a hypernetwork and does use the gradient's factors: lesson 07.
#
# Gradients do occur in MEMIT, in the search for $z$. They move an activation there, not a weight.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## By hand
#
# The layer of lesson 05 again: $D = 3$, $F = 2$.
#
# $$W = \begin{pmatrix}1&0\\0&1\\1&1\end{pmatrix},\quad
# C = \begin{pmatrix}2&1\\1&1\end{pmatrix},\quad
# C^{-1} = \begin{pmatrix}1&-1\\-1&2\end{pmatrix},\qquad
# k = \begin{pmatrix}0\\1\end{pmatrix},\quad r = \begin{pmatrix}2\\0\\2\end{pmatrix}$$
#
# ROME's change was $\Delta = \begin{pmatrix}-1&2\\0&0\\-1&2\end{pmatrix}$. ($W$ is not needed: $r$ is given.)
#
# 1. Compute $s = k^\top C^{-1}k$. Which share of $r$ does MEMIT insert for $\lambda = 2$? What is its $\Delta$?
# 2. A second fact has the same key, and $r' = (0, 0, -2)^\top$. Both are in the batch, $\lambda = 2$. What is $\Delta k$?
# 3. Another layer has seen one old key only, $(1, 0)^\top$. Write down $C_0$ and the projector $P$ onto its null space.
# 4. A new fact has the key $(1, 1)^\top$ and the residual $r$ from above. With $\alpha = 1$: what is AlphaEdit's $\Delta$?
#    What does the old key feel?
#
# <details><summary>1: the numbers</summary>
#
# $C^{-1}k = (-1, 2)^\top$, so $s = 2$. The share is $s/(s + \lambda) = 2/4$. So $\Delta$ is half of ROME's:
# $\begin{pmatrix}-0.5&1\\0&0\\-0.5&1\end{pmatrix}$, and $\Delta k = (1, 0, 1)^\top = r/2$.
#
# </details>
#
# <details><summary>2: the numbers</summary>
#
# The mean of the two residuals is $(1, 0, 0)^\top$, at half the price: the share is $s/(s + \lambda/2) = 2/3$.
# $\Delta k = (2/3, 0, 0)^\top$. The third entries, $+2$ and $-2$, have cancelled.
#
# </details>
#
# <details><summary>3 and 4: the numbers</summary>
#
# $C_0 = \begin{pmatrix}1&0\\0&0\end{pmatrix}$, $\;P = \begin{pmatrix}0&0\\0&1\end{pmatrix}$. $\;Pk = (0, 1)^\top$ and $q = k^\top P k = 1$.
# The share is $q/(q + \alpha) = 1/2$, so $\Delta k = (1, 0, 1)^\top$. All of it must stand in the free column:
# $\Delta = \begin{pmatrix}0&1\\0&0\\0&1\end{pmatrix}$. The old key picks the first column, and feels nothing.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Build
#
# Five exercises: MEMIT's formula, the spreading, AlphaEdit's projector and its formula, and then MEMIT as a whole.
#
# - Write your code where it says `# YOUR CODE HERE`, and take out the `raise` line.
# - Run the `check` below it. The card says which claims hold, and what to look at if one doesn't. Check as often as you like.
#   At grading the same cell holds more claims than you see here.
# - Stuck? Remove the `#` in front of `hint(...)` and run it. There are three hints: a nudge, an outline, almost the code.

# %% [markdown] lang="en" exercise="memit.memit_update" slideshow={"slide_type": "slide"}
# **Why.** This is the heart of the lesson: many facts, one linear system.
#
# $$\Delta = R K^\top\, (\lambda C + K K^\top)^{-1}$$
#
# Shapes: $C$ $(F, F)$, $K$ $(F, n)$, $R$ $(D, n)$. Give back $\Delta$ $(D, F)$.
#
# *Take care:*
#
# - Don't invert. `torch.linalg.solve(A, B)` solves $AX = B$, with the unknown on the *right* of $A$. Here the unknown stands on the left: $\Delta A = RK^\top$.
#   $A$ is symmetric, so transpose the equation.
# - `lam` is used as it is. It has been multiplied by $F$ already.
# - Compute in float64 and round once, at the end, to the dtype of `R`.

# %% nbgrader={"grade": false, "grade_id": "memit-memit_update", "locked": false, "schema_version": 3, "solution": true, "task": false}
def memit_update(C, K, R, lam):
    ### BEGIN SOLUTION
    C, K_ = C.double(), K.double()
    A = lam * C + K_ @ K_.T
    return torch.linalg.solve(A, K_ @ R.double().T).T.to(R.dtype)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "memit-memit_update-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("memit.memit_update", memit_update)
### BEGIN HIDDEN TESTS
grade("memit.memit_update", memit_update)
### END HIDDEN TESTS

# %%
# hint("memit.memit_update")

# %%
# Your by-hand example, questions 1 and 2.
C_paper = torch.tensor([[2.0, 1.0], [1.0, 1.0]])
k_paper = torch.tensor([[0.0], [1.0]])
r_paper, r_other = torch.tensor([[2.0], [0.0], [2.0]]), torch.tensor([[0.0], [0.0], [-2.0]])
both = memit_update(C_paper, torch.cat([k_paper, k_paper], 1), torch.cat([r_paper, r_other], 1), 2.0)
print(memit_update(C_paper, k_paper, r_paper, 2.0))
print("Δk for one key with two values:", (both @ k_paper).flatten())

# %% [markdown] lang="en" exercise="memit.spread_residual" slideshow={"slide_type": "slide"}
# **Why.** Several layers share the work. Each takes an equal share of what is lacking *now*.
#
# $$R = \frac{z - h}{\text{layers left}}$$
#
# `z` $(D, n)$ is what the stream is to become after the last layer, `h` $(D, n)$ what it is at this moment. `layers_left` counts the layer
# that is edited next and all above it: for three layers it is 3, then 2, then 1.
#
# *Take care:* not the share of what was lacking at the start.

# %% nbgrader={"grade": false, "grade_id": "memit-spread_residual", "locked": false, "schema_version": 3, "solution": true, "task": false}
def spread_residual(z, h, layers_left):
    ### BEGIN SOLUTION
    return (z - h) / layers_left
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "memit-spread_residual-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("memit.spread_residual", spread_residual)
### BEGIN HIDDEN TESTS
grade("memit.spread_residual", spread_residual)
### END HIDDEN TESTS

# %%
# hint("memit.spread_residual")

# %% [markdown] lang="en" exercise="alphaedit.null_projector" slideshow={"slide_type": "slide"}
# **Why.** Before we write where nobody reads, we must know where that is.
#
# $$C_0 = U S U^\top, \qquad B = \text{the columns } u_i \text{ with } s_i \le \text{tol} \cdot s_{\max}, \qquad P = BB^\top$$
#
# *Take care:*
#
# - `C0` is the $C$ from above: AlphaEdit's name for the second moment of the old keys.
# - `torch.linalg.eigh` is made for symmetric matrices. It gives the energies in rising order, and the directions as *columns*.
# - `tol` is a share of the largest energy. $C_0$ in other units must give the same $P$.
# - Compute in float64, and give $P$ back in the dtype of `C0`.

# %% nbgrader={"grade": false, "grade_id": "alphaedit-null_projector", "locked": false, "schema_version": 3, "solution": true, "task": false}
def null_projector(C0, tol):
    ### BEGIN SOLUTION
    energies, U = torch.linalg.eigh(C0.double())
    B = U[:, energies <= tol * energies[-1]]
    return (B @ B.T).to(C0.dtype)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "alphaedit-null_projector-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("alphaedit.null_projector", null_projector)
### BEGIN HIDDEN TESTS
grade("alphaedit.null_projector", null_projector)
### END HIDDEN TESTS

# %%
# hint("alphaedit.null_projector")

# %% [markdown] lang="en" exercise="alphaedit.alphaedit_update" slideshow={"slide_type": "slide"}
# **Why.** MEMIT's formula again, but with keys as $P$ leaves them, and with earlier edits protected.
#
# $$\Delta = R K^\top P\,\big(P (KK^\top + C_{prev}) P + \alpha I\big)^{-1}, \qquad C_{prev} = K_p K_p^\top$$
#
# `ridge` is $\alpha$.
#
# *Take care:*
#
# - $P$ acts on keys. Keys enter $\Delta$ from the right, so it is $\Delta P$, never $P\Delta$.
# - Solve with the keys $PK$. Solving with $K$ and projecting afterwards loses what the projection cuts off.
# - At the end multiply by $P$ once more, in float64, then round to the dtype of `R`. In exact arithmetic this changes nothing. It removes what rounding has leaked.

# %% nbgrader={"grade": false, "grade_id": "alphaedit-alphaedit_update", "locked": false, "schema_version": 3, "solution": true, "task": false}
def alphaedit_update(P, K, R, C_prev, ridge):
    ### BEGIN SOLUTION
    P_, Q = P.double(), P.double() @ K.double()
    A = Q @ Q.T + P_ @ C_prev.double() @ P_ + ridge * torch.eye(len(P_), dtype=P_.dtype)
    delta = torch.linalg.solve(A, Q @ R.double().T).T
    return (delta @ P_).to(R.dtype)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "alphaedit-alphaedit_update-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("alphaedit.alphaedit_update", alphaedit_update)
### BEGIN HIDDEN TESTS
grade("alphaedit.alphaedit_update", alphaedit_update)
### END HIDDEN TESTS

# %%
# hint("alphaedit.alphaedit_update")

# %%
# Your by-hand example, question 4: all of the change stands in the second column.
P_paper = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
alphaedit_update(P_paper, torch.tensor([[1.0], [1.0]]), r_paper, torch.zeros(2, 2), 1.0)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Given: the plumbing
#
# Exercise 5 needs two things from the model. Both are lesson 05's, for many facts at once:
#
# - `wanted(lm, facts, top)`: what the stream after layer `top` must *gain* at each subject's last token, $\delta$ $(D, n)$ (`gain` in the code). This is the search for a
#   value. It is by far the slowest part, and no weight moves in it.
# - `keys_and_stream(lm, facts, layer, top)`: the keys $K$ $(F, n)$ at `layer`, averaged over prefixes, and the stream $h$ $(D, n)$ after `top` in the plain question, both at the subject's last token. It reads
#   the model **as it is now**, with every edit that is on.
#
# `pieces` says whose functions are used. It starts with the library's, so that a slip in an earlier exercise can't cost you points
# twice. In *Run it* you switch to yours.

# %%
from edu_edit.methods import memit as library
from edu_edit.methods.many_values import find_pairs
from edu_edit.methods.spreading import layers_and_search, read_keys, reading

# As in lesson 05.
PREFIXES = ("", "Listen. ", "It was raining. ", "She wrote a long letter. ", "Then he asked me. ")
TEMPLATES = [prefix + "{}" for prefix in PREFIXES]
pieces = SimpleNamespace(memit_update=library.memit_update, spread_residual=library.spread_residual)


def wanted(lm, facts, top):
    """δ (D, n): what the stream after layer `top` must gain, for the model to give the new answers."""
    model_own = dict.fromkeys(("kl", "wd", "steps", "lr", "clamp"))
    _, search = layers_and_search(lm, top, model_own)
    pairs = find_pairs(lm, facts, top, TEMPLATES, "essence", search)
    return torch.stack([(pair.v_star - pair.o_0).double() for pair in pairs], 1)


def keys_and_stream(lm, facts, layer, top):
    """K (F, n) at `layer` and h (D, n) after layer `top`, of the model as it is now."""
    keys, h = read_keys(lm, reading(lm, facts, TEMPLATES, "averaged"), [layer], top)
    return keys[layer], h


# %% [markdown] lang="en" exercise="memit.memit" slideshow={"slide_type": "slide"}
# **Why.** The pieces become a method. Facts go in, one edit of several layers comes out.
#
# 1. Search what the stream must gain, once: `wanted(lm, facts, layers[-1])`.
# 2. For each layer, from below to above:
#    - read $K$ and $h$ with the layers below already changed: inside `with Edit(lm, changes):`;
#    - at the first layer only, set $z = h + \delta$;
#    - take this layer's share $R$, and solve for its change with $C$ = `moment(lm, layer)`.
# 3. Give back `Edit(lm, changes)`, a dictionary `{layer: Δ}`. Don't switch it on.
#
# `own = spread_defaults(lm.name, lm.n_layers)` knows good values for the model: `own.layers` and `own.lam`. Use `pieces.spread_residual` and `pieces.memit_update`.
#
# *Take care:* that `lam` counts in multiples of $F$. `memit_update` wants $\lambda$ itself, `lam * lm.F`.

# %% nbgrader={"grade": false, "grade_id": "memit-memit", "locked": false, "schema_version": 3, "solution": true, "task": false}
def memit(lm, facts, layers=None):
    ### BEGIN SOLUTION
    own = spread_defaults(lm.name, lm.n_layers)
    layers = own.layers if layers is None else layers
    gain, changes = wanted(lm, facts, layers[-1]), {}
    for j, layer in enumerate(layers):
        with Edit(lm, changes):
            K, h = keys_and_stream(lm, facts, layer, layers[-1])
        if j == 0:
            z = h + gain
        R = pieces.spread_residual(z, h, len(layers) - j)
        changes[layer] = pieces.memit_update(moment(lm, layer), K, R, own.lam * lm.F)
    return Edit(lm, changes)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "memit-memit-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("memit.memit", memit)
### BEGIN HIDDEN TESTS
grade("memit.memit", memit)
### END HIDDEN TESTS

# %%
# hint("memit.memit")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Run it
#
# Ten facts, one edit, every piece yours.
#
# *Try this:* some paraphrases are missed. `edu_edit.memit(lm, patients)` averages its keys over prefixes that the model itself has written, not over our five short sentences. How many does it reach, and at what price?
#
# <details><summary>What you will see</summary>
#
# `ten` from *Spot the slip* is such an edit: .97 of the paraphrases, against .70. It pays with a larger change (1.20 of $\lVert W\rVert$, against .84) and a few neighbours (.98, against 1.00).
#
# </details>

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
pieces = SimpleNamespace(memit_update=memit_update, spread_residual=spread_residual)
mine = memit(lm, patients)
with mine:
    now = lm.answers([fact.question for fact in patients])
for fact, answer in zip(patients, now, strict=True):
    print(f"{fact.question} ... {answer}   (before: {fact.target_true})")

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
scores = evaluate(lm, mine, patients)
rates = ("accuracy", "generality", "locality")
bars = {
    "before": {rate: scores.before[rate] for rate in rates},
    "after": {rate: scores.after[rate] for rate in rates},
}
plots.plot_rates(bars, title="Ten facts in one batch, by your memit()")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### What each layer did
#
# The first layer takes half of what is lacking, and inserts a part of that. The last takes all that is left. It can't insert everything
# either: $\lambda$ has its price. And ten facts get less than one alone would, since their keys overlap. `lacking` is $\lVert z - h\rVert$, all facts together.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
gain = wanted(lm, patients, max(mine.delta))
changes, z = {}, None
for layer in sorted(mine.delta):
    with Edit(lm, changes):
        K, h = keys_and_stream(lm, patients, layer, max(mine.delta))
    z = h + gain if z is None else z
    s = (K * torch.linalg.solve(moment(lm, layer).double(), K)).sum(0)
    share = (s / (s + own.lam * lm.F)).median()
    lacking = float((z - h).norm())
    print(f"before layer {layer}: lacking {lacking:6.1f}   a fact alone would get the share {share:.2f} here")
    changes[layer] = mine.delta[layer]
with Edit(lm, changes):
    _, h = keys_and_stream(lm, patients, layer, layer)
print(f"after layer {layer}:  lacking {(z - h).norm():6.1f}")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The plane of editors
#
# Now the picture from the start, with your three functions. One layer, real keys of 100 facts, the real $C$. What the facts lack is
# a stand-in here: for each, the direction that tells its new word from its old one. (The search for real values would take a minute. With them the picture has the same shape,
# only old values move about six times as far: the values that a search finds are long.)
#
# - **Up:** $1 - \lVert\Delta K - R\rVert^2 / \lVert R\rVert^2$, the share of what was lacking that is there now.
# - **Left:** small $\sqrt{\operatorname{tr}\Delta C\Delta^\top / \operatorname{tr}WCW^\top}$, how far old values move, as a share of their length.
#
# AlphaEdit's `ridge` is 0.1 of the median $q = k^\top P k$ here.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
prices = [fit.setting for fit in measured_fits(lm.name) if fit.method == "MEMIT" and not fit.which]
edge = front(hundred)
points = plane_points(
    hundred,
    prices,
    memit_update=memit_update,
    null_projector=null_projector,
    alphaedit_update=alphaedit_update,
)
ringed = {"MEMIT": own.lam, "AlphaEdit": 0.02}
plots.plot_plane(points, edge, ringed, title="100 facts in one matrix, with your functions")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# **Read it.**
#
# - **MEMIT lies on the curve, for every $\lambda$.** It must: it minimises a weighted sum of the two squares that are drawn here. Sliding $\lambda$ moves you
#   along the curve. There is no better end. You choose a price.
# - **ROME in a loop lies far below.** The same 100 facts, the same $C$. A third of what they need is gone again, pushed away by later facts, and old values
#   have moved further than MEMIT would have moved them for the same gain.
# - **$C = I$ lies below, too.** Nobody asked the old keys.
# - **AlphaEdit lies inside.** It can't be on the curve: it uses directions that are free, not those that are best. It plays for another prize: in the protected
#   directions the change is zero *exactly*. And it moves along a strange line: from `tol` = 0.02 (ringed) to 0.003 it gets
#   *worse* on both axes. The table of the null space, below, says why.
#
# A warning. The horizontal axis is what *old text* feels, as $C$ measured it. Neighbours of the edited facts are a small part of that text.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### How many facts fit?
#
# The curve itself depends on the number of facts. With few, almost everything is free. With many, keys crowd: there are only $F$ directions.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
print("   n   λ = 0.01 F: gained, moved    λ = F: gained, moved    ROME in a loop: gained, moved")
for n in (10, 100, 300):
    problem = plane_problem(lm, crowd[:n])
    C, K, R, W = problem
    low, high = (place(problem, memit_update(C, K, R, lam * lm.F)) for lam in (0.01, 1.0))
    loop = place(problem, rome_in_a_loop(problem))
    print(f"{n:4d}   " + "               ".join(f"{p.gained:5.2f}, {p.moved:4.2f}" for p in (low, high, loop)))

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# **Read it.** At $\lambda = F$ the gain sinks from .74 to .56 and the price rises from .03 to .16. ROME in a loop does well for 10 facts (.96) and keeps .23 for 300.
# It moves less there (.29) than MEMIT at $\lambda = 0.01\,F$ (.78), but that one meets .99. Compare at *equal gain*: for .23 MEMIT moves old values by .05.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Batch or sequence: 300 facts
#
# One matrix and stand-ins are one thing, a whole model is another. The same 300 facts were written into this model in two ways: in one batch, and one after the other. That takes
# many minutes, so it was measured beforehand. Left: how many of the facts are answered. Right: how many of 100 questions about *other* subjects
# still have their old next word.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
courses, fits = measured_courses(lm.name), measured_fits(lm.name)
shown = curves(courses, fits, "MEMIT", own.lam) + curves(courses, fits, "AlphaEdit", 0.02)[1:]
plots.plot_fits(shown, title=f"{lm.name}: facts in one batch, and one after the other")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# **Read it, slowly.**
#
# - In `atlas-gpt2`, up to 30 facts, batch and sequence hardly differ for MEMIT and AlphaEdit. Whoever tests ten edits can't tell them apart.
# - At 300 they do. MEMIT answers .61 of the facts in one batch and .28 in sequence, and keeps .85 and .15 of the other prompts. *Batch* and
#   *sequential* are two different questions.
# - **ROME in sequence keeps more than the two others** from 100 facts on, and at 300 it answers most of the three (.33). It starts lower, too: .67 of 3 facts.
#   That is no crowding. ROME writes one layer, and here it misses a fifth of the facts already when it writes them (next table). What was not written breaks nothing. So read both panels together.
# - **Where is AlphaEdit's advantage?** At 100 facts in sequence it answers most (.87). At 300 it is last in both panels. The paper shows it
#   standing after 2000 edits, a hundred at a time. Its models have $F = 6400$ and more, ours has 768 or less: 300 facts are a crowd here. And the "null space" at
#   `tol` = 0.02 is not null (last table). So this phenomenon is *weaker* in the bundled models than in the paper, and we don't pretend otherwise.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
print("after 300 facts                  answered    others kept    answered when just written")
for name, lam in (("atlas-gpt2", 0.4), ("atlas-llama", 0.3)):
    for method, course in measured_courses(name).items():
        if method in ("ROME", "MEMIT", "AlphaEdit"):
            when_written = sum(course.now) / len(course.now)
            row = f"{course.counts[-1][1]:12.2f}{course.locality[-1]:15.2f}{when_written:30.2f}"
            print(f"{name:12}{method:9} sequence{row}")
    batch = curves(measured_courses(name), measured_fits(name), "MEMIT", lam)[-1]
    print(f"{name:12}{'MEMIT':9} batch   {batch.answered[-1]:12.2f}{batch.kept[-1]:15.2f}")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# **The other model tells another story.** In `atlas-llama` ROME gets its facts in (.99 when just written), and breaks most: it keeps .21 of the other prompts. MEMIT in sequence answers *more*
# than in one batch (.68 against .57), and breaks more elsewhere (.50 kept against .77). In a sequence each value is searched in the model as it is by then, so a second fact about a
# subject builds on the first. In a batch the two don't know of each other until their keys meet.
#
# Nothing here says that a method is good. It says how it fared with one setting on a small model. Lesson 12 compares them all.
#
# Now the promised look at the null space.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
layer = lm.default_layer
C = moment(lm, layer).double()
K, _ = keys_and_stream(lm, patients, layer, layer)
print(f"layer {layer}, F = {lm.F}, of the keys of {len(patients)} facts and of old text:")
print("   tol    free directions    energy of old text in them    energy of the facts' keys in them")
for tol in (1e-6, 0.003, 0.02, 0.2):
    P = null_projector(C, tol)
    old, new = float((P * C).sum() / C.trace()), float(((P @ K) * K).sum() / K.square().sum())
    print(f"{tol:6.2g}    {round(float(P.trace())):15d}    {old:26.0%}    {new:33.0%}")

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# **Read it.** At 0.003 there are 158 of 768 directions, with 7 % of the energy of the facts' keys. So $\Delta$ must be large, and 100 facts squeeze into 158 directions: worse on both axes.
# At 0.02 "free" means 611 directions, and old text has 23 % of its energy there: not null at all. The facts' keys have 55 % there. Names *are* rarer than text, but not by far.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The closing widget: how many facts fit?
#
# Two sliders. Under each: facts answered, other prompts kept, and the editor's place in the plane of one matrix, with your functions. The dotted
# lines are the method in sequence with its own setting; they don't move.
#
# *Try this:*
#
# - Find the $\lambda$ that answers most at 300 facts. Is it the smallest? What does $\lambda = 0$ do at 200?
# - Find a $\lambda$ that harms nobody. What does it write?
# - Move `tol` from 1 to 0.003. Which of the two upper pictures gets better, and where does it stop?
#
# <details><summary>The price</summary>
#
# In `atlas-gpt2` $\lambda = 0.4\,F$ answers .61 at 300 facts, and $0.01\,F$ only .46. With $\lambda = 0$, every fact met exactly where keys are independent, 100 facts are fine (.89). At 200 nothing is
# answered and nothing kept (.00, .00): keys that nearly coincide make $\Delta$ explode. $\lambda = 10\,F$ harms nobody, and writes nothing.
#
# </details>

# %% tags=["demo"]
widgets.how_many_fit(lm.name, points, edge)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Break it
#
# A method is understood when you can break it on purpose and say why it breaks. The same ten facts, spoiled in five ways (*elsewhere* are questions about
# subjects that were not edited). Compare A to C with MEMIT as it should be, D and E with AlphaEdit at `tol` = 0.02:
#
# | | what we spoil |
# |---|---|
# | **A** | $\lambda = 10\,F$: old keys are dear |
# | **B** | the keys of both layers are read once, before anything is changed |
# | **C** | $C = I$, with $\lambda$ in the same multiples of $F$ |
# | **D** | AlphaEdit with `tol` = 0.001: only the very quietest directions |
# | **E** | AlphaEdit with `tol` = 1: every direction is free |
#
# **First guess, then run.** For each: do the new answers fail? Do others suffer?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
def spoiled(update, again=True):
    """MEMIT's loop for the ten facts; update(C, K, R) gives the change. again: read keys anew at each layer."""
    layers, changes = sorted(mine.delta), {}
    first = {layer: keys_and_stream(lm, patients, layer, layers[-1]) for layer in layers}
    z = first[layers[0]][1] + gain
    for j, layer in enumerate(layers):
        with Edit(lm, changes):
            K, h = keys_and_stream(lm, patients, layer, layers[-1])
        K = K if again else first[layer][0]
        changes[layer] = update(moment(lm, layer).double(), K, spread_residual(z, h, len(layers) - j))
    return Edit(lm, changes)


def in_null_space(tol):
    def update(C, K, R):
        P = null_projector(C, tol)
        ridge = 0.1 * float((K * (P @ K)).sum(0).median())
        return alphaedit_update(P, K, R, torch.zeros_like(C), max(ridge, 1e-9))

    return update


lam = own.lam * lm.F
broken = {
    "as it should be": spoiled(lambda C, K, R: memit_update(C, K, R, lam)),
    "A: λ = 10 F": spoiled(lambda C, K, R: memit_update(C, K, R, 10 * lm.F)),
    "B: keys read once": spoiled(lambda C, K, R: memit_update(C, K, R, lam), again=False),
    "C: C = I": spoiled(lambda C, K, R: memit_update(torch.eye(lm.F), K, R, lam)),
    "AlphaEdit, tol = 0.02": spoiled(in_null_space(0.02)),
    "D: tol = 0.001": spoiled(in_null_space(0.001)),
    "E: tol = 1": spoiled(in_null_space(1.0)),
}
near = [prompt for fact in patients for prompt in fact.neighborhood]
asked = {  # prompts, each with the answer that is hoped for
    "answered": [(fact.question, fact.target_new) for fact in patients],
    "paraphrased": [(prompt, fact.target_new) for fact in patients for prompt in fact.paraphrases],
    "neighbours": list(zip(near, lm.answers(near), strict=True)),
}
elsewhere = [fact.question for fact in crowd if fact not in patients][::3]
old = lm.next_probs(elsewhere).argmax(-1)


def right(pairs):
    said = lm.answers([prompt for prompt, _ in pairs])
    return sum(answer == hoped for answer, (_, hoped) in zip(said, pairs, strict=True)) / len(pairs)


print(f"{'':22}{'answered':>10}{'paraphrased':>13}{'neighbours':>12}{'elsewhere':>11}{'‖Δ‖ / ‖W‖':>12}")
for name, edit in broken.items():
    with edit:
        shares = [right(pairs) for pairs in asked.values()]
        kept = (lm.next_probs(elsewhere).argmax(-1) == old).double().mean()
    size = sum(d.norm() for d in edit.delta.values()) / sum(lm.ffn(i).W_out.norm() for i in edit.delta)
    print(f"{name:22}{shares[0]:10.2f}{shares[1]:13.2f}{shares[2]:12.2f}{kept:11.2f}{size:12.2f}")

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
# <details><summary>A: why does a high price fail?</summary>
#
# A fact alone gets the share $s/(s + \lambda)$ per layer. With $s$ near $F$ and $\lambda = 10F$ that is a tenth. Nothing is harmed, because nothing is written.
# This is what happens when a $\lambda$ is copied from a larger model without thinking of $F$.
#
# </details>
#
# <details><summary>B: why do keys have to be read again?</summary>
#
# The lower layer was changed, and that moved the stream. The upper layer is now asked with other keys, and was edited for the old ones. What it inserts is
# found only as far as the new keys still look like the old ones. One of the ten is missed, and nobody else notices: an error that hides well.
#
# </details>
#
# <details><summary>C: what does C = I do?</summary>
#
# Here it makes the edit weak. $I$ is in other units than $C$: the mean of $k^\top k$ is far below $F$, so the same number $\lambda$ is a much higher price. In the plane, where $I$ was scaled to $C$'s
# size, you see the other half: at equal gain it moves old values further.
#
# </details>
#
# <details><summary>D: the smallest tolerance should protect best. Why is it the worst?</summary>
#
# Only a handful of directions are quiet enough, and the new keys have almost nothing in them. To write through so narrow a slit, $\Delta$ must be
# enormous (look at its size), and ten facts have to share a few directions. The old *text* is protected, on average. But other names have a little of their keys in these directions,
# too, and a little times an enormous change is a lot.
#
# </details>
#
# <details><summary>E: and with everything free?</summary>
#
# Then $P = I$, and nothing protects the old keys but the length of $\Delta$. It is MEMIT with $C = I$, and with a price that suits $I$. The facts arrive, and more of the rest moves along
# than with `tol` = 0.02: neighbours .92 against .97, elsewhere .97 against 1.00.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### One more: too many facts about one person
#
# Three facts about Diana Holloway, written in one batch: one of them, two, all three. To this layer they are one key with two or three values, and
# MEMIT inserts the mean. **Guess:** how many are answered each time?

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
prompts = ("{} has a pet", "{} speaks", "{} teaches")
known = {fact.prompt: fact for fact in facts if fact.subject == "Diana Holloway"}
diana = [known[prompt] for prompt in prompts]
fits = measured_fits(lm.name)
for n in (1, 2, 3):
    with memit(lm, diana[:n]):
        now = lm.answers([fact.question for fact in diana[:n]])
    print(f"{n} at once:")
    for fact, answer in zip(diana, now, strict=False):
        print(f"   {fact.question} ... {answer}   (was {fact.target_true}, wanted {fact.target_new})")

alone = [fit for fit in fits if fit.method == "MEMIT" and fit.which]
same = [fit for fit in fits if (fit.method, fit.setting, fit.which) == ("MEMIT", own.lam, "")]
plots.plot_fits(
    [
        batch_curve(alone[0], "MEMIT, one fact per subject", ("green", "D", "-")),
        batch_curve(same[0], "MEMIT, several facts per subject", ("blue", "o", "-")),
    ],
    title="In one batch: facts about different subjects, and facts that share subjects",
)

# %% [markdown] lang="en"
# <details><summary>What happens here?</summary>
#
# One fact arrives. With two and three, each fact gets a half or a third of its value at most, plus parts of the others, and the old answers win. Each further fact dilutes the others.
#
# In the 300 facts above there are only some 170 subjects. So a good part of what looked like "too many edits" was **too many facts about one
# subject**. With one fact per subject the batch holds far longer.
#
# A better benchmark would tell the two apart. Few do.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Discuss
#
# 1. No editor passes the curve in the plane. Does that mean MEMIT is the best method? Name what the plane does not measure.
# 2. You get ten corrections a day, for a year. Batch or sequence? Would you keep all facts, and write them anew from the unedited model each night?
# 3. AlphaEdit protects what was in the text that $C$ was made from. Whose knowledge is that? Who could be missing?
# 4. Two editors of an encyclopedia send contradictory corrections in one batch. MEMIT inserts the mean. What should a tool do instead?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Go further
#
# - **PMET in one line.** PMET divides the residual by the *square root* of the layers left. Exchange one function. What changes for the lowest layer?
# - **EMMET in one line.** Demand $\Delta K = R$ exactly, as cheaply as possible for $C$. Which $\lambda$ is that? When does it have no solution?
# - **Does the order matter?** Write the ten facts one after the other, forwards and backwards. Compare the answers. Do the same in one batch: why must nothing change?
# - **Growing weights.** Plot `drift` of the measured courses, $\lVert\Delta\rVert / \lVert W\rVert$, against the number of edits. Which method grows fastest? Does collapse follow?
# - **Protect the past.** Give MEMIT a memory: add $K_pK_p^\top$ of earlier edits to $\lambda C$. Does it close the gap to the batch?
# - **Another model.** Change `MODEL` to `"atlas-llama"`. Which conclusions survive?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What you built
#
# - `memit_update`: any number of facts in one linear system, with a price for what old keys feel;
# - `spread_residual`: the work shared among layers;
# - `null_projector`: where old keys have nothing to say;
# - `alphaedit_update`: the same system, written only there;
# - `memit`: facts go in, an edit of several layers comes out.
#
# **Next: lesson 07, learning to edit.** Here a human wrote down the equation. MEND, KE and ENN let a network *learn* how to change another one. That is where
# hypernetworks and the low rank of gradients belong.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exit quiz

# %% slideshow={"slide_type": "-"}
answers = {"family": "", "loop": "", "price": "", "layers": "", "tolerance": ""}
quiz("memit.exit", answers)

# %% [markdown] lang="en" tags=["lecturer"] slideshow={"slide_type": "notes"}
# <details><summary>For the lecturer (not in the student notebook)</summary>
#
# **Timings, 100 minutes.** Promise and quiz 8 · idea 20 · slip and by hand 12 · exercises 1 to 4 about 30 · exercise 5 12 · run and break 13 ·
# discussion 5. For a 90-minute class give the by-hand example as homework before.
#
# **What goes wrong, most frequent first.**
#
# | exercise | error | how to help |
# |---|---|---|
# | 1 | `solve(A, R @ K.T)`: the unknown on the wrong side | write $AX = B$ beside $\Delta A = B$ and transpose |
# | 1 | $\lambda$ times $F$ once more | who multiplies? read the docstring of `memit` aloud |
# | 4 | solved without $P$, projected afterwards | ask what share a fact gets: $q/(q + \alpha)$ or less? |
# | 4 | `C_prev` not between two $P$ | it is one of the squares: $\lVert\Delta P K_p\rVert^2$ |
# | 3 | rows of $U$, or `tol` absolute | multiply $C_0$ by 100: what must happen to $P$? |
# | 5 | keys read before the loop | "B" of *Break it* is this error |
# | 5 | an edit left switched on | `with`, never `.on()` |
#
# **Demonstrate:** the plane, with ROME in a loop far below the curve; $\lambda = 0$ in the widget, at 100 and at 200 facts; Diana Holloway with one, two and three facts.
#
# **Rubric for "Explain".** Full: names the mechanism (share $s/(s+\lambda)$; keys that moved; units of $I$; narrow slit and huge $\Delta$; no protection). Half: describes what the table shows.
#
# **If time is short,** skip *What each layer did* and the table of fronts. If a machine is slow, cells with the tag `demo` can be left out: nothing that is graded depends on them.
#
# </details>

# %% [markdown] lang="en"
# ## References
#
# - K. Meng, A. Sen Sharma, A. Andonian, Y. Belinkov, D. Bau: *Mass-Editing Memory in a Transformer*. ICLR 2023. arXiv 2210.07229. MEMIT.
# - J. Fang, H. Jiang, K. Wang, Y. Ma, S. Jie, X. Wang, X. He, T.-S. Chua: *AlphaEdit: Null-Space Constrained Knowledge Editing for Language Models*. ICLR 2025. arXiv 2410.02355.
# - The textbook, end of §5.2.2 and of §5.4.3, table 5.2.
# - A. Gupta, D. Sajnani, G. Anumanchipalli: *A Unified Framework for Model Editing*. 2024. arXiv 2403.14236. ROME, MEMIT and EMMET as one problem.
# - X. Li, S. Li, S. Song, J. Yang, J. Ma, J. Yu: *PMET: Precise Model Editing in a Transformer*. AAAI 2024. arXiv 2308.08742. The square root.
# - A. Gupta, A. Rao, G. Anumanchipalli: *Model Editing at Scale leads to Gradual and Catastrophic Forgetting*. 2024. arXiv 2401.07453. Sequences of edits.
