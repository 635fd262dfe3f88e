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
#   title: 'Lesson 13 · In the world: updating, forgetting, detoxifying, debiasing'
# ---

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# # Lesson 13 · In the world: updating, forgetting, detoxifying, debiasing
#
# *110 minutes · 7 exercises · 14 points · before this: lessons 03 (knowledge neurons) and 06 (MEMIT), and the four properties of lesson 02*
#
# ## Promise
#
# Twelve lessons asked *how* to edit. This one asks what for, and what it is worth.
#
# Somebody writes: "Your model tells everyone my phone number. Make it forget." You find the neurons, switch them off, and ask the model again.
# It stumbles. Done? The picture below is the **audit sheet** of that very edit. Read its second part before you answer the letter.
#
# At the end you fill in such a sheet for four interventions, and repair a model's identity overnight.

# %%
# One variable chooses the model. Graded checks always use the bundled one, so you can play with this.
MODEL = "atlas-gpt2"  # also: "atlas-llama"

from collections.abc import Sequence
from dataclasses import replace

import torch
from IPython.display import display
from jaxtyping import Float
from torch import Tensor

import edu_edit
from autograder import check, grade, hint, progress, quiz
from edu_edit import Edit, Site, load, load_facts, record
from edu_edit.locate.attribution import token_attributions
from edu_edit.locate.neuron_scaling import Neuron, by_layer
from edu_edit.methods.memit import memit_update
from edu_edit.metrics import same_answer
from edu_edit.moments import moment
from edu_edit.show import plots, widgets
from edu_edit.tokens import target_ids
from edu_edit.tracing import logit_lens
from edu_edit.uses import probes
from edu_edit.uses.debias import answer_values
from edu_edit.uses.depn import same_layers_at_random
from edu_edit.uses.detox import promoting_values
from edu_edit.uses.sheets import saved_sheets, secrets
from edu_edit.world import lexicon

lm = load(MODEL)
letters = secrets()  # (prompt, secret) of three people who want to be forgotten; all invented

for prompt, secret in letters:
    print(f"{prompt} ... {lm.answer(prompt, 7)}   (the secret: {secret})")
progress("13_uses")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
sheets = saved_sheets(lm)  # measured beforehand; empty for other models
if sheets:
    display(plots.plot_audit(sheets["DEPN", "123 neurons"], "Audit of DEPN: 123 neurons silenced, to forget three private details"))

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Objectives
#
# After this lesson you can
#
# 1. find the neurons that a private detail comes from, and silence them (DEPN);
# 2. say in bits how far a secret still stands out, although it is no longer said (exposure);
# 3. promote values that speak for wanted words, and measure the price;
# 4. project a direction out of a matrix (DAMA), and even values out (LSDM);
# 5. fill in an audit sheet: what was removed, what leaks, what broke, who can undo it;
# 6. choose, justify, measure and undo an urgent edit, and write a note on its responsible use.
#
# **Letters for shapes:** $D$ model width · $F$ FFN width · $L$ layers · $P$ private texts · $T_y$ tokens of a secret (`Ty` in code) · $n$ candidates or subjects · $r$ directions.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Warm-up quiz
#
# Three questions. Every option explains itself. Nothing here is graded.

# %% slideshow={"slide_type": "-"}
# Click, or write the letters here ("a", "b", "c") and run the cell: what is written stays.
answers = {"neuron": "", "gone": "", "word": ""}
quiz("depn.warm_up", answers)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Idea
#
# ### Updating: an answer repaired overnight
#
# The textbook begins with a story. In December 2023 users noticed that **Gemini Pro**, asked in Chinese who it was, said it was
# Baidu's model *Wenxin*. A day later it no longer did.
#
# Nobody outside knows how that was done. Training anew takes far longer than a day, so the textbook *presumes* that a model was edited.
# A rule before the model, or a line in its system prompt, would look the same from outside. Keep that in mind: **an answer does not
# show where it was repaired.** In the capstone you will repair such an answer yourself.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Forgetting: a right
#
# The **right to be forgotten** lets a person ask that private information is taken out of search results and other directories under certain conditions. The Court
# of Justice of the European Union established it in *González v Google*. Then it went into the **GDPR**, the Union's General Data
# Protection Regulation.
#
# Language models learn from such data, so the textbook sees them bound, too. Privacy is lost in three ways:
#
# 1. the model says something private, unasked;
# 2. an attacker draws it out: **Nasr** and others had a chat model repeat one word without end, and after a while it recited training texts, private details among them;
# 3. somebody gets the parameters themselves.
#
# Alignment teaches a model to decline. What it would decline to say is still in it.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### DEPN: detect privacy neurons, and edit them
#
# **DEPN** goes the way of knowledge neurons (lesson 03), in two steps.
#
# **Detect.** A secret has $T_y$ tokens. For each, integrated gradients say what neuron $i$ contributes to its probability. A secret is the whole
# sequence, so add up:
#
# $$\mathrm{Att}(i) = \sum_{t=1}^{T_y} \mathrm{Att}(i, y_t)$$
#
# In each private text the strong neurons are those with at least a tenth of the largest $\mathrm{Att}$. Those strong in *most* texts are the **privacy neurons**.
#
# **Edit.** Their activation becomes 0, at every token:
#
# $$a_i \leftarrow 0$$
#
# Then $a_i v_i$ is never added to the stream. A column of zeros in $W_{out}$ does the same, so DEPN can be merged into the weights.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# > ### Spot the slip
# >
# > *"For example, DPEN combines model editing and machine unlearning ..."*
# >
# > So the textbook writes. And the released code has a switch for silencing *random* neurons, as a control. Its
# > script says `--do_random_kn False`. What is wrong, in the sentence and in the script?
# >
# > <details><summary>Answer</summary>
# >
# > The method is called **DEPN**: *Detecting and Editing Privacy Neurons*.
# >
# > The script's switch has `type=bool`, and in Python `bool("False")` is `True`: every text that isn't empty counts as true. So the shipped script
# > silences **random** neurons. One of the two slips costs a search; the other costs every figure. You will run both, the located and the random ones.
# >
# > </details>

# %% tags=["demo"]
print("bool('False') is", bool("False"))

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### How much is left? Exposure
#
# "It doesn't say it any more" is no measure. An attacker needn't listen to answers. With a list of **candidates**, all numbers of that
# form, say, one can ask which is the likeliest. **Exposure** counts what the model gives away, in bits:
#
# $$\mathrm{exposure} = \log_2 n - \log_2 \mathrm{rank}$$
#
# $n$ candidates hold the secret; its rank is 1 if the model finds it the likeliest. Then exposure is $\log_2 n$: no guessing is left. In the middle it is 1 bit, at the
# end 0.
#
# It comes from research on **canaries**: made-up secrets put into training texts on purpose, to see whether they can be drawn out. The phone numbers and e-mail
# addresses of our Atlas are canaries. Nobody can be called at any of them.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Detoxifying: switch good values on
#
# A value $v_i$ speaks for some words (lesson 03). Geva and others looked for values of positive, harmless words in GPT-2, picked ten by hand, and fixed their
# coefficient at 3, whatever the text:
#
# $$a_i \leftarrow c$$
#
# The stream then moves by $(c - a_i)\, v_i$, and toxic words get less likely, **indirectly**.
#
# The textbook's caution: this is about *words*. A model that avoids the word "bomb" (炸弹) can't say "I won't help to build a **bomb**" either. So count
# **over-refusal** beside toxicity: harmless questions that are no longer answered.
#
# Nobody is insulted in our Atlas. It has five *rude* and five *polite* words, all made up: the tired clerk says *drabzig mulchet*.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Debiasing: take a direction out
#
# In the Atlas nine of ten engineers are *he*, one of ten nurses. That is a statistic of its texts, and no fact about the next engineer. Kings and mothers are different: there the
# pronoun is a **fact** and should stay.
#
# For each profession find, as in ROME (5.16), the FFN output $v_a$ that makes *he* follow and the $v_b$ that makes *she* follow.
#
# | | idea | edit |
# |---|---|---|
# | **DAMA** | the differences $v_a - v_b$ lie mostly along a few directions $U$. The layer must not write along them | $W' = (I - UU^\top)\, W$ |
# | **LSDM** | each profession gets the value half-way, all else stays | $W' k = (v_a + v_b)/2$ |
#
# DAMA is a method's name (the textbook writes "DAMA and others", as if it were an author's). LSDM's code is not public; ours is a reconstruction: least squares
# under a constraint, which is MEMIT's update (lesson 06) for $\lambda \to 0$. It acts in a low layer at the profession, DAMA in upper layers at the last token.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## By hand
#
# Take paper.
#
# 1. Two private texts, four neurons in one layer; $\mathrm{Att}$ is $(8, 1, 4, -9)$ and $(0.1, 0.3, 0.4, 0.2)$. Strong means at least half of the text's largest. Which two neurons does DEPN take?
# 2. Eight candidates; six are likelier than the secret, one is exactly as likely. What is its exposure?
# 3. $U = (0.6, 0.8)^\top$ and $W = \begin{pmatrix} 1 & 5 \\ 2 & 0 \end{pmatrix}$. Compute $W' = W - U(U^\top W)$ and $U^\top W'$.
# 4. *He* follows from $v_a = (4, 0)$, *she* from $v_b = (0, 2)$. Which value does LSDM ask for?
#
# <details><summary>1 and 2: the numbers</summary>
#
# First text: half of 8 is 4, so neurons 0 and 2. Second: half of 0.4 is 0.2, so neurons 1, 2 and 3. Neuron 2 is strong in both. The others have one vote each; their sums are
# $8.1, 1.3, -8.8$. So neurons 2 and 0. By sums alone 0 would have stood first.
#
# Ties count against the secret: rank 8. Exposure $3 - 3 = 0$ bits.
#
# </details>
#
# <details><summary>3 and 4: the numbers</summary>
#
# $U^\top W = (0.6 + 1.6,\; 3 + 0) = (2.2, 3)$. $\;U(U^\top W) = \begin{pmatrix} 1.32 & 1.8 \\ 1.76 & 2.4 \end{pmatrix}$, so
# $W' = \begin{pmatrix} -0.32 & 3.2 \\ 0.24 & -2.4 \end{pmatrix}$. $\;U^\top W' = (-0.192 + 0.192,\; 1.92 - 1.92) = (0, 0)$. Both columns now lie along $(0.8, -0.6)$.
#
# $(2, 1)$.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Build
#
# Seven exercises: three to forget, two to detoxify, two to debias.
#
# - Write your code where it says `# YOUR CODE HERE`, and take out the `raise` line.
# - Run the `check` below it. The card says which claims hold, and what to look at if one doesn't. Check as often as you like.
#   At grading the same cell holds more claims than you see here.
# - Stuck? Remove the `#` in front of `hint(...)` and run it. There are three hints: a nudge, an outline, almost the code.

# %% [markdown] lang="en" exercise="depn.sequence_attribution" slideshow={"slide_type": "slide"}
# **Why.** Before you switch a neuron off, know that the secret comes from it. Two functions:
#
# - `sequence_attribution(attr)`: `attr` is $(T_y, F)$, a row per token of the secret. What does each neuron contribute to the whole secret?
# - `privacy_neurons(attr, k, share)`: now `attr` is $(P, L, F)$, a table for each private text. Give at most $k$ pairs `(layer, index)`.
#
# *Strong* in a text: positive, and at least `share` of the text's largest, over all layers. First those strong in most texts; of equals the larger sum over texts; then the lower layer, then index.
#
# *Take care:* each text has its own maximum. What is strong nowhere is never taken, even if fewer than $k$ are left. Refuse (`ValueError`) a negative $k$, a share outside 0 to 1, and no text.

# %% nbgrader={"grade": false, "grade_id": "depn-sequence_attribution", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sequence_attribution(attr):
    ### BEGIN SOLUTION
    return attr.sum(0)
    ### END SOLUTION


def privacy_neurons(attr: Float[Tensor, "P L F"], k: int, share: float = 0.1) -> list[Neuron]:
    """The k neurons that are strong in most private texts, as (layer, index), the most frequent first.

    Strong in a text: positive, and at least `share` of the largest attribution in that text. Ties go to the
    larger attribution, summed over texts, then to the lower layer and index. Neurons that are strong in no
    text are never among them, so there may be fewer than k.
    Raises ValueError for a negative k, a share outside 0 to 1, and when there is no text.
    """
    ### BEGIN SOLUTION
    if k < 0 or not 0 <= share <= 1 or attr.numel() == 0:
        raise ValueError(f"k={k}, share={share}, {len(attr)} texts: give k from 0, a share up to 1, a text.")
    top = attr.amax((1, 2), keepdim=True)  # each text's own maximum
    strong = (attr > 0) & (attr >= share * top)
    often, total = strong.sum(0).flatten().tolist(), attr.double().sum(0).flatten().tolist()
    order = sorted((i for i, n in enumerate(often) if n), key=lambda i: (-often[i], -total[i], i))
    return [(i // attr.shape[2], i % attr.shape[2]) for i in order[:k]]
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "depn-sequence_attribution-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("depn.sequence_attribution", sequence_attribution, privacy_neurons)
### BEGIN HIDDEN TESTS
grade("depn.sequence_attribution", sequence_attribution, privacy_neurons)
### END HIDDEN TESTS

# %%
# hint("depn.sequence_attribution")

# %% [markdown] lang="en" exercise="depn.silence" slideshow={"slide_type": "slide"}
# **Why.** This is DEPN's whole editor. Activations of one layer come in, of any shape; the last dimension counts the neurons.
#
# $$a_i \leftarrow 0 \quad \text{for the listed } i, \text{ at every token}$$
#
# *Take care:* give back a new tensor. Others may still be looking at `a`.

# %% nbgrader={"grade": false, "grade_id": "depn-silence", "locked": false, "schema_version": 3, "solution": true, "task": false}
def silence(a, neurons):
    ### BEGIN SOLUTION
    out = a.clone()
    out[..., list(neurons)] = 0
    return out
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "depn-silence-test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("depn.silence", silence)
### BEGIN HIDDEN TESTS
grade("depn.silence", silence)
### END HIDDEN TESTS

# %%
# hint("depn.silence")

# %% [markdown] lang="en" exercise="depn.exposure" slideshow={"slide_type": "slide"}
# **Why.** The number that an honest answer to the letter needs: $\log_2 n - \log_2 \mathrm{rank}$.
#
# You get the secret's log-probability and those of all $n$ candidates, the secret's among them. The rank is the number of candidates that are **at least** as likely.
#
# *Take care:* ties count against the secret. If no candidate is as likely, the secret can't be among them: raise `ValueError`.

# %% nbgrader={"grade": false, "grade_id": "depn-exposure", "locked": false, "schema_version": 3, "solution": true, "task": false}
import math


def exposure(logp_secret, logp_candidates):
    ### BEGIN SOLUTION
    n = len(logp_candidates)
    rank = int((logp_candidates >= logp_secret).sum())
    if rank == 0:
        raise ValueError(f"The secret is likelier than all {n} candidates: put it among them.")
    return math.log2(n) - math.log2(rank)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "depn-exposure-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("depn.exposure", exposure)
### BEGIN HIDDEN TESTS
grade("depn.exposure", exposure)
### END HIDDEN TESTS

# %%
# hint("depn.exposure")

# %% [markdown] lang="en" exercise="detox.promote" slideshow={"slide_type": "slide"}
# **Why.** The opposite of silence: a good value is to be heard all the time.
#
# $$a_i \leftarrow c \quad \text{for the listed } i, \text{ at every token}$$
#
# *Take care:* $c$ *replaces* what was there, also where that was larger.

# %% nbgrader={"grade": false, "grade_id": "detox-promote", "locked": false, "schema_version": 3, "solution": true, "task": false}
def promote(a, neurons, coef):
    ### BEGIN SOLUTION
    out = a.clone()
    out[..., list(neurons)] = coef
    return out
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "detox-promote-test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("detox.promote", promote)
### BEGIN HIDDEN TESTS
grade("detox.promote", promote)
### END HIDDEN TESTS

# %%
# hint("detox.promote")

# %% [markdown] lang="en" exercise="detox.over_refusal" slideshow={"slide_type": "slide"}
# **Why.** The price of detoxifying. Some questions are harmless although their answer holds a bad word: *what did the angry guard say?* You get the answers, and for each the word
# that it **must** contain. Which share is no longer answered?
#
# *Take care:* the word may stand anywhere, in upper or lower case. Refuse (`ValueError`) lists of different length, empty lists, and an empty word, which every answer would contain.

# %% nbgrader={"grade": false, "grade_id": "detox-over_refusal", "locked": false, "schema_version": 3, "solution": true, "task": false}
def over_refusal(answers, must_answer):
    ### BEGIN SOLUTION
    if len(answers) != len(must_answer) or not answers or not all(word.strip() for word in must_answer):
        raise ValueError(f"{len(answers)} answers, {len(must_answer)} words: give as many of both, none empty.")
    pairs = zip(answers, must_answer, strict=True)
    return sum(word.strip().casefold() not in said.casefold() for said, word in pairs) / len(answers)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "detox-over_refusal-test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("detox.over_refusal", over_refusal)
### BEGIN HIDDEN TESTS
grade("detox.over_refusal", over_refusal)
### END HIDDEN TESTS

# %%
# hint("detox.over_refusal")

# %% [markdown] lang="en" exercise="debias.bias_subspace" slideshow={"slide_type": "slide"}
# **Why.** DAMA in two functions.
#
# - `bias_subspace(diff, r)`: `diff` is $(n, D)$, a row $v_a - v_b$ per profession. Give the $r$ orthonormal directions that hold most of them, as columns $(D, r)$: the top **right singular vectors**.
# - `project_out(W, U)`: $(I - UU^\top)\,W$, where $U$'s columns are independent but perhaps not orthonormal. Make them so first (`torch.linalg.qr`).
#
# *Take care:* don't centre the differences; their mean *is* the bias. The projector stands on the **output** side. Refuse (`ValueError`) an $r$ outside 0 to $\min(n, D)$, and dependent columns: with $U = QR$,
# a diagonal entry of $R$ below $10^{-7}$ of the largest.

# %% nbgrader={"grade": false, "grade_id": "debias-bias_subspace", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bias_subspace(diff, r):
    ### BEGIN SOLUTION
    if not 0 <= r <= min(diff.shape):
        raise ValueError(f"r={r}: {len(diff)} differences of {diff.shape[1]} numbers have 0 to {min(diff.shape)}.")
    return torch.linalg.svd(diff.double(), full_matrices=False).Vh[:r].T.to(diff.dtype)
    ### END SOLUTION


def project_out(W: Float[Tensor, "D F"], U: Float[Tensor, "D r"]) -> Float[Tensor, "D F"]:
    """(I - U U^T) W: the matrix W, no longer able to write anything in the directions U.

    On the output side, the left. U has independent columns; they are made orthonormal here, so that I - U U^T
    is a projector. What is orthogonal to them stays. Computed in float64. Raises ValueError for dependent
    columns.
    """
    ### BEGIN SOLUTION
    Q, R = torch.linalg.qr(U.double())
    size = R.diagonal().abs()
    if size.numel() and not bool(size.min() > 1e-7 * size.max()):
        raise ValueError("The columns of U are not independent.")
    return (W.double() - Q @ (Q.T @ W.double())).to(W.dtype)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "debias-bias_subspace-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("debias.bias_subspace", bias_subspace, project_out)
### BEGIN HIDDEN TESTS
grade("debias.bias_subspace", bias_subspace, project_out)
### END HIDDEN TESTS

# %%
# hint("debias.bias_subspace")

# %% [markdown] lang="en" exercise="debias.balanced_targets" slideshow={"slide_type": "slide"}
# **Why.** LSDM's right-hand side. `v_a` and `v_b` are $(D, n)$, a *column* per profession. Give the value that is equally far from both.
#
# *Take care:* subject by subject. A nurse should not get a pilot's value.

# %% nbgrader={"grade": false, "grade_id": "debias-balanced_targets", "locked": false, "schema_version": 3, "solution": true, "task": false}
def balanced_targets(v_a, v_b):
    ### BEGIN SOLUTION
    return (v_a + v_b) / 2
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "debias-balanced_targets-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("debias.balanced_targets", balanced_targets)
### BEGIN HIDDEN TESTS
grade("debias.balanced_targets", balanced_targets)
### END HIDDEN TESTS

# %%
# hint("debias.balanced_targets")
