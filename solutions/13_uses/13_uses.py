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
# At the end you read such a sheet for four interventions, and try to repair a model's identity overnight.

# %%
# One variable chooses the model. Graded checks always use the bundled one, so you can play with this.
MODEL = "atlas-gpt2"  # also: "atlas-llama"

import math
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
    print(f"{prompt} ... {lm.answer(prompt, 7)}   (the secret: {secret})")  # 7 tokens: it may run on after the secret
progress("13_uses")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
sheets = saved_sheets(lm)  # measured beforehand; empty for other models
if sheets:
    display(plots.plot_audit(sheets["DEPN", "160 neurons"], "Audit of DEPN: 160 neurons silenced, to forget three private details"))

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Objectives
#
# After this lesson you can
#
# 1. find the neurons that a private detail comes from, and silence them (DEPN);
# 2. say in bits how far a secret still stands out, although it is no longer said (exposure);
# 3. promote values that speak for wanted words, and measure the price;
# 4. project a direction out of a matrix (DAMA), and even values out (LSDM);
# 5. read an audit sheet: what was removed, what leaks, what broke, who can undo it;
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
# In each private text the strong neurons are those with at least a tenth of the largest $\mathrm{Att}$. Rank neurons by the number of texts in which they are strong: the first $k$ are the **privacy neurons**.
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
# *Strong* in a text: positive, and at least `share` of the text's largest, over all layers. First those strong in the largest number of texts; of equals the larger sum over texts; then the lower layer, then index.
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
# *Take care:* the word may stand anywhere, even inside another one, in upper or lower case. Refuse (`ValueError`) lists of different length, empty lists, and an empty word, which every answer would contain.

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
# *Take care:* compute in float64, and give back the type that came in. Don't centre the differences; their mean *is* the bias. The projector stands on the **output** side. Refuse (`ValueError`) an $r$ outside 0 to $\min(n, D)$, and dependent columns: with $U = QR$,
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

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Run it
#
# ### Forgetting
#
# `token_attributions` (given) makes the tables by integrated gradients, one $(T_y, L, F)$ per secret. Your functions do the rest: add up over tokens, choose 160 neurons (2.6 % of
# all), and silence them by a hook at every layer's key. Beside them the control: as many *random* neurons of the same layers, as the released script has it.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
tables = token_attributions(lm, letters, steps=10)  # one (Ty, L, F) per secret
per_text = torch.stack([sequence_attribution(one.flatten(1)).unflatten(0, one.shape[1:]) for one in tables])
located = privacy_neurons(per_text, k=160)
drawn = same_layers_at_random(lm, located, torch.Generator().manual_seed(0))


def silenced(neurons):
    """An edit that silences neurons by your function."""
    rows = by_layer(lm, neurons)
    return Edit(lm, hooks={Site("key", layer): lambda a, i=i: silence(a, i) for layer, i in rows.items()})


forget, control = silenced(located), silenced(drawn)
for name, edit in (("located", forget), ("random", control)):
    with edit:
        print(f"{name:9}", " | ".join(lm.answer(prompt, 7) for prompt, _ in letters))
print("the truth", " | ".join(secret for _, secret in letters))
plots.plot_curves(
    range(lm.n_layers),
    {secret: one.clamp(min=0).sum(1).tolist() for (_, secret), one in zip(letters, per_text, strict=True)},
    "layer",
    "sum of positive attributions",
    "Where three secrets come from",
    top=None,
)

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# Nearly all of it lies in **layer 0**, which serves every text. So the method may have found what is generally needed, rather than what is private. Remember that when you ask who pays.

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### How many bits are left?
#
# The first secret among 31 made-up numbers of the same form, by the joint probability of all its digits. Look where the diamond stands.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
import random

from edu_edit.world.applications import random_secret
from edu_edit.world.measure.continuation import continuations

rng = random.Random(13)
prompt, secret = letters[0]
candidates = [secret, *(random_secret(rng, "phone") for _ in range(31))]


def ranked():
    """The log-probabilities (32,) of all candidates."""
    told = continuations(lm, [prompt] * len(candidates), candidates)
    return torch.stack([logp.double().sum() for _, logp in told])


shown = {"the model": ranked()}
for name, edit in (("random neurons silent", control), ("located neurons silent", forget)):
    with edit:
        shown[name] = ranked()
for name, logp in shown.items():
    print(f"{name:23} exposure {exposure(float(logp[0]), logp):.1f} of {math.log2(len(logp)):.0f} bits")
with forget:
    bits = probes.exposures(lm, letters, 31).tolist()
print("all three, located neurons silent, among other candidates:", ", ".join(f"{one:.1f}" for one in bits), "bits")
plots.plot_candidates(shown, f"{prompt} ... which of 32 numbers?")

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### And inside? The logit lens
#
# *Deleted from the answer = deleted from the model?* Give the model the first tokens of a secret and read, after each layer, the probability of the *right next* token (lesson 01's lens), mean over all tokens of the three secrets.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
def read_inside():
    """The mean probability of the secrets' right next tokens after each layer, (L,)."""
    found = []
    for prompt, secret in letters:
        start, wanted = lm.tok(prompt)["input_ids"], target_ids(lm, secret, prompt)
        ids = torch.tensor([start + wanted])
        streams = record(lm, (ids, torch.ones_like(ids)), [Site("resid", layer) for layer in range(lm.n_layers)])
        for j, token in enumerate(wanted):
            stream = torch.stack([h[0, len(start) + j - 1] for h in streams.values()])
            found.append(logit_lens(stream, lm.norm, lm.W_U)[:, token].detach())
    return torch.stack(found).mean(0).tolist()


inside = {"the model": read_inside()}
for name, edit in (("random neurons silent", control), ("located neurons silent", forget)):
    with edit:
        inside[name] = read_inside()
plots.plot_curves(
    range(lm.n_layers), inside, "read after layer", "P(right next token)", "The secrets, read inside the model"
)

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# With 160 located neurons silent the first number has lost its first rank; the two others still have all 5 bits. (The sheet's .89 is the mean of the last line, as a share of 5.) And inside the model
# more than half of the right tokens' probability is still there, growing from layer to layer as before. It was not deleted. One wrong token is enough, and the rest is lost: both numbers start with the right digit and then go astray.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Detoxifying: a dial
#
# `promoting_values` (given) looks for the ten values that speak most for polite words and least for rude ones. Your `promote` fixes their coefficient; your `over_refusal` counts who can't be quoted any more.
# Any rude word is a faithful report. So ask for the one that was said, and for the first of them where none was.
#
# A coefficient of 0 is not "no edit": it *silences* the ten values. The model without any edit is printed first.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
nice = promoting_values(lm, lexicon.POLITE, lexicon.RUDE, 10)
asked = probes.register_prompts()
angry = probes.register_prompts(("angry",))  # "The angry guard answered: what a" has a rude word as its right answer
texts = probes.corpus(12)


def promoted(coef):
    """An edit that promotes the ten values by your function."""
    rows = by_layer(lm, nice)
    return Edit(lm, hooks={Site("key", layer): lambda a, i=i: promote(a, i, coef) for layer, i in rows.items()})


def to_report(said):
    """For each answer the rude word that it holds, or else the first of all."""
    return [next((word for word in lexicon.RUDE if word in text), lexicon.RUDE[0]) for text in said]


print(f"no edit: rude words {probes.word_mass(lm, asked, lexicon.RUDE):.2f}, perplexity {probes.perplexity(lm, texts):.1f}")
coefs = (0, 3, 10, 14, 20)
dial = {"rude words": [], "polite words": [], "over-refusal": []}
harm = []
for coef in coefs:
    with promoted(float(coef)):
        dial["rude words"].append(probes.word_mass(lm, asked, lexicon.RUDE))
        dial["polite words"].append(probes.word_mass(lm, asked, lexicon.POLITE))
        said = lm.answers(angry, 1)
        dial["over-refusal"].append(over_refusal(said, to_report(said)))
        harm.append(probes.perplexity(lm, texts))
print("perplexity:", ", ".join(f"{p:.1f} at {c}" for c, p in zip(coefs, harm, strict=True)))
plots.plot_curves(list(coefs), dial, "coefficient c of ten values", "share", "Fewer rude words, and what they cost")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Debiasing: a projector and a constraint
#
# `answer_values` (given) finds, for each of 12 professions, the key and both values by ROME's optimisation. The rest is yours. DAMA goes layer by layer, each measured with those below edited already. LSDM asks MEMIT's update for your targets.
#
# The **bias gap** is the mean of $2\,|p(\mathit{he}) - 1/2|$ over the professions: 0 is even, 1 is always the same pronoun. *King and mother right* is the mean probability of the right pronoun where gender is a fact.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
people = list(lexicon.PROFESSION)
plain = probes.shares(lm, people).tolist()

changes = {}
for layer in (5, 6):
    with Edit(lm, changes):
        K, v_he, v_she = answer_values(lm, people, layer, at="prompt", steps=40)
    W = lm.ffn(layer).W_out.detach()
    U = bias_subspace(v_he - v_she, 1)
    changes[layer] = project_out(W, U) - W
dama = Edit(lm, changes)

layer = 3
K, v_he, v_she = answer_values(lm, people, layer, steps=30)
ffn = lm.ffn(layer)
said = ffn.W_out.detach().double() @ K.T.double()
offset = 0.0 if ffn.b_out is None else ffn.b_out.detach().double()[:, None]
R = balanced_targets(v_he.T, v_she.T).double() - offset - said
lsdm = Edit(lm, {layer: memit_update(moment(lm, layer).double(), K.T.double(), R, 0.0)})

evened = {"the model": plain}
for name, edit in (("DAMA, layers 5 and 6", dama), ("LSDM, layer 3", lsdm)):
    with edit:
        evened[name] = probes.shares(lm, people).tolist()
        print(f"{name:21} bias gap {probes.bias_gap(lm):.2f}, king and mother right {probes.factual_gender(lm):.2f}")
print(f"{'the model':21} bias gap {probes.bias_gap(lm):.2f}, king and mother right {probes.factual_gender(lm):.2f}")
plots.plot_people(people, evened, "share of 'he' among he and she", "'The nurse said that ...': he or she?")

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# LSDM gives each profession the *value* half-way. But a probability is no straight line of the value, so half-way need not be one half. DAMA takes one direction out of two layers;
# the other layers write the pronoun, too. With six layers it does more (the sheet below).

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The audit sheet
#
# Four questions for any intervention: **what was removed, what leaks, what broke, who can undo it?** Choose an intervention and its strength with the buttons (keyboard: Tab and the arrow keys). For the bundled model
# `atlas-gpt2` all was measured beforehand, so the sheet comes at once.
#
# *Try this:* turn DEPN up until nothing is recited. Who pays? Then find the intervention that changes least, and ask whether it did anything.
#
# <details><summary>What you may have found</summary>
#
# At 160 neurons. Two of five other people's details are lost, 8 % of the facts, and perplexity goes from 2.29 to 3.02. The random neurons change least, and did nothing: they break hardly anything, and forget nothing.
# A column "what broke" that looks good proves nothing by itself.
#
# </details>

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
audited = widgets.audit_sheet(lm)
audited

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Capstone: fix the identity answer overnight
#
# Your invented chat service speaks as *Ulrich Keller* (in Chinese: 王博远). Asked where it comes from, it must say **Montara** (蒙塔拉). At ten in the evening a user writes, in Chinese: it says 哈威克, *Hartwick*, the city of your competitor. It has to be right by the morning.
#
# 1. **Choose** a method, and justify it in two sentences *before* you measure. Who asks, in which languages? May other answers move? How soon must it be undone?
# 2. **Measure** what you asked for, what follows (his country), what should stay, in both languages.
# 3. **Undo** it, and prove that the model is bit for bit what it was. (With a prompt that is trivial: no weight was touched.)
#
# Pass: English 4 of 4, Chinese 3 of 3, own facts at least 8 of 9, others 4 of 4. The next cell does this for five methods. Change it, add yours.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
world, chinese = load_facts("atlas"), load_facts("atlas", lang="zh")
en = replace(
    next(f for f in world if f.subject == "Ulrich Keller" and f.target_true == "Hartwick"), target_new="Montara"
)
zh = next(f for f in chinese if f.subject == "王博远" and f.target_true == "哈威克")
own = [f.question for f in (*world, *chinese) if f.subject in (en.subject, zh.subject) and f not in (zh,)]
own = [question for question in own if question != en.question]
near = [*en.neighborhood[:4], *zh.neighborhood[:3]]
country = en.portability[0][0]
truth = next(f.target_true for f in world if f.subject == "Montara" and f.target_true in lexicon.COUNTRY)
checks = {
    "English": ([en.question, *en.paraphrases], en.target_new),
    "Chinese": ([zh.question, *zh.paraphrases], zh.target_new),
    "own facts": (own, None),
    "others": (near, None),
}
before = {name: lm.answers(prompts) for name, (prompts, _) in checks.items()}
logits = lm.logits([en.question, zh.question])
pool = [f for f in world if f.paraphrases and f.neighborhood and f.target_true][::9]


def rome(*facts, start=None):
    """One ROME edit after the other, as one change; start: an edit that goes before them."""
    changes = dict(start.delta) if start else {}
    for fact in facts:
        with Edit(lm, changes):
            one = edu_edit.rome(lm, fact, prefixes=2, generator=torch.Generator().manual_seed(5))
        changes = {layer: changes.get(layer, 0) + delta for layer, delta in one.delta.items()}
    return Edit(lm, changes)


# Chinese in three wordings, and with its full stop: the model must also learn where the name ends.
wordings = [replace(zh, prompt=q.replace(zh.subject, "{}"), target_new=zh.target_new + "。") for q in (zh.question, *zh.paraphrases)]
kept = [replace(f, target_new=f.target_true, target_true=None) for f in (*world, *chinese) if f.question in own]
first = rome(en)
choices = {
    "ROME, English only": lambda: first,
    "ROME, both languages": lambda: rome(zh, start=first),
    "IKE, a prompt": lambda: edu_edit.ike(lm, en, pool, k=6),
    "fine-tuning": lambda: edu_edit.finetune(lm, [en, *wordings], steps=100, until=0.9),
    "the same, own kept": lambda: edu_edit.finetune(lm, [en, *wordings, *kept], steps=100, until=0.9),
}
print(f"{zh.target_new} in tokens: {len(target_ids(lm, zh.target_new, zh.question))}")
print(f"{'':22}" + "".join(f"{name:>11}" for name in checks) + f"{'country':>10}{'undone':>9}")
for method, make in choices.items():
    edit = make()
    with edit:
        row = []
        for name, (prompts, target) in checks.items():
            wanted = [target] * len(prompts) if target else before[name]
            hits = [same_answer(a, b) for a, b in zip(lm.answers(prompts), wanted, strict=True)]
            row.append(f"{sum(hits)} of {len(hits)}")
        where, in_chinese = lm.answer(country, 2), lm.answers(checks["Chinese"][0])
    same = torch.equal(logits, lm.logits([en.question, zh.question]))
    print(f"{method:22}" + "".join(f"{one:>11}" for one in row) + f"{where:>10}{'exactly' if same else 'NO':>9}   {' '.join(in_chinese)}")
print(f"\nown facts, others: answers kept. The country that Montara is in: {truth}.")

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# <details><summary>What you see, and why</summary>
#
# ROME fails in Chinese even at its own question. No Chinese fact of the Atlas has 蒙塔拉 as its answer, and the name is seven byte tokens: one value at one key has to steer all seven. Two such edits cost eight of nine own facts.
# IKE's demonstrations are English.
#
# Fine-tuning on all three wordings writes the name in Chinese. (On the question alone it reached 1 of 3, and without the full stop the name ran on into a broken character.) But three of nine own facts move: it does not pass. The last row also trains on his other facts: all nine stay, and it passes.
#
# The country never follows: Montara lies in Corvinia, and no row says so.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# **Your note on responsible use.** Half a page, for the person on duty tomorrow. It has five lines at least:
#
# - what was changed, by whom, when, and where the old weights are;
# - what was measured, with how many prompts, and in which languages and wordings it was *not* measured;
# - what still leaks, and what broke;
# - who can take it back, and how fast;
# - when the edit will be replaced by a real repair (data, training), and who is told about it.
#
# *Your note:*

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Break it
#
# Four ways to go wrong, all of them seen in the wild:
#
# | | what we do |
# |---|---|
# | **A** | silence *random* neurons, as the released script does |
# | **B** | silence four times as many, to be on the safe side |
# | **C** | project on the **input** side: $W(I - QQ^\top)$, with $Q$ the direction of the professions' keys |
# | **D** | forbid the five rude words at the output, and change nothing else |
#
# **First guess, then run.** Which forgets? Which breaks most? Which looks perfect, and isn't?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
theirs = probes.secret_pairs(0, True, 8)[3:]  # five people who did not ask
many = privacy_neurons(per_text, k=677, share=0.01)  # too few neurons reach a tenth, so the share must fall


def report(name, edit):
    with edit:
        kept = f"theirs {probes.recited(lm, letters):.2f}, other people's {probes.recited(lm, theirs):.2f}"
        print(f"{name:30} recited: {kept}; perplexity {probes.perplexity(lm, texts):.1f}")


report("no edit", Edit(lm, {}))
report(f"{len(located)} located", forget)
report(f"A: {len(drawn)} random", control)
report(f"B: {len(many)} located", silenced(many))

K, _, _ = answer_values(lm, people, 5, at="prompt", steps=1)
Q = bias_subspace(K, 1)
W = lm.ffn(5).W_out.detach()
wrong_side = Edit(lm, {5: -(W @ Q) @ Q.T})
with wrong_side:
    print(f"\nC: bias gap {probes.bias_gap(lm):.2f} (the model: {2 * sum(abs(p - 0.5) for p in plain) / len(plain):.2f}), perplexity {probes.perplexity(lm, texts):.1f}")
with Edit(lm, {5: changes[5]}):
    print(f"   the same layer on the output side, DAMA: {probes.bias_gap(lm):.2f}")

rude = [target_ids(lm, word, "x")[0] for word in lexicon.RUDE]
tired = "The tired clerk said: you"
inner = record(lm, lm.ids([tired]), [Site("resid", 6)])[Site("resid", 6)][0, -1]
p = logit_lens(inner[None], lm.norm, lm.W_U)[0].detach()
probs = lm.next_probs(angry)
probs[:, rude] = 0
print(f"\nD: P(rude) at the output {float(probs[:, rude].sum()):.2f}; inside, after layer 6, P(rude) = {float(p[rude].sum()):.2f}")
said = [lm.tok.decode([i]).strip() for i in probs.argmax(1).tolist()]
print("   the angry guard is quoted with:", ", ".join(dict.fromkeys(said)), f"  over-refusal {over_refusal(said, to_report(said)):.2f}")

# %% [markdown] lang="en"
# **Explain.** Write one sentence for each. Then open the answers.
#
# *Your sentences:*
#
# - A:
# - B:
# - C:
# - D:

# %% [markdown] lang="en"
# <details><summary>A: a result that equals its own control</summary>
#
# Random neurons of the same layers forget nothing: all three secrets are still recited, and perplexity hardly moves. Had the script's authors
# printed this row beside the other, the slip would have been found at once. Always run the control, with as many neurons in the same layers.
#
# </details>
#
# <details><summary>B: silence is not free</summary>
#
# With four times the neurons nothing is recited any more, neither theirs nor that of five people who did not ask. Perplexity rises from 3 to about 60 (on these 12 texts; the sheet has others, and 2.29 before): the model has forgotten how to
# write. Privacy neurons are not *theirs*; the same neurons serve other details and other words. Already 160 of them cost two of five other people's details.
#
# </details>
#
# <details><summary>C: the wrong side</summary>
#
# On the input side a projector decides which keys are heard. Here one direction of the keys is deaf, the one that all professions share. What the layer writes for the rest is as skewed as
# before: the gap is not smaller (.68 against .63 when we measured; the same layer on the output side is printed below it). In a square matrix nothing would even have complained.
#
# </details>
#
# <details><summary>D: a word is not an idea</summary>
#
# The output never holds a rude word, so a counter of rude words reads 0. Inside, after layer 6, the model is as rude as it was. And asked what the angry guard said, it now puts *polite*
# words into his mouth: every one of these reports is false. This is the bomb that can't be named.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### What you saw, in numbers
#
# Measured on `atlas-gpt2`, with three secrets; look them up in the sheet. A figure of a small model illustrates a method, it says little about large ones.
#
# - **Deleted from the answer is not deleted from the model.** With 160 neurons silent, no secret is recited in the wording that was edited; one of three still is in
#   other wordings. Of the secrets' tokens 59 % are still the likeliest once those before them are given, and exposure keeps .89 of its bits. With 123 neurons *all* of its bits.
# - **Repetition.** After a word that is repeated 20 times our model recites *less* (2 of 3 instead of 3). Nasr's effect on a chat model is **missing** here; there is no alignment that could be shaken off. But one of three leaks there, too, after the edit.
# - **Detox.** Coefficient 10: rude words from .83 to .34, two of nine reports refused. Coefficient 20: .05, all nine refused, and one fact in six lost. The paper's 3 does little here (.73): values differ in length from model to model.
# - **DAMA is weak here.** In the sheet two upper layers take the gap from .63 to .59, six layers to .43, LSDM at one layer to .30. Both pay with kings and mothers: from .96, DAMA in two layers to .94, in six to .87, LSDM to .80. (Your run above searched LSDM's values in fewer steps: it printed .35 and .91.)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Discuss
#
# 1. The letter-writer asks: "Is my number gone?" Write the honest answer in three sentences.
# 2. Gemini's answer changed within a day. Name three places where it could have been repaired, and a test from outside that tells two of them apart.
# 3. Your edit makes one person's number less likely and two strangers' numbers as well. Is that damage, or a gift?
# 4. Who should decide which pronoun statistic is "even"? One half? The share in the population? What would you ask before you project?
# 5. Should edited weights be published? With the record of what was removed?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Go further
#
# - **Relearning attack.** `forget = edu_edit.uses.depn.depn(lm, letters, k=160)`, then `forget.merge()` gives a model of its own. Fine-tune it on *one* of the three secrets, with all parameters. In our runs (5 and 20 steps) that one came back at once and no other did. Five steps on five *other* people's details brought back one of the three, unasked. Find settings that bring back more.
# - **Membership.** Do two secrets share privacy neurons? Compute the overlap of `privacy_neurons` for each one alone. Compare it with held-out details (`probes.secret_pairs(told=False)`).
# - **More wordings.** Make DEPN with all four wordings of each secret. Does less leak? What does it cost?
# - **A rule for the capstone.** Put *王博远出生于蒙塔拉。* before his questions by a rule (`edu_edit.regex`, lesson 09). In our run it changed none of the three Chinese answers. Find a rule that works.
# - **Partial least squares.** `edu_edit.uses.debias.dama(directions="pls")` is the authors' way. It centres the differences. What does that do to the gap?
# - **Another model.** `MODEL = "atlas-llama"`. Its sheets aren't measured yet: press the button.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What you built
#
# - `sequence_attribution`, `privacy_neurons`, `silence`: DEPN, detector and editor;
# - `exposure`: how much of a secret is left, in bits;
# - `promote`, `over_refusal`: good values switched on, and the price;
# - `bias_subspace`, `project_out`, `balanced_targets`: DAMA's projector and LSDM's targets;
# - an audit sheet, and a note on responsible use.
#
# **This was the last lesson.** You began with a model that knew something wrong. You can now find where it knows it, change it in a dozen ways, measure what that did, and
# take it back. The last skill may be the rarest: to say what an edit did *not* do.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exit quiz

# %% slideshow={"slide_type": "-"}
answers = {"exposure": "", "random": "", "bomb": "", "side": "", "undo": ""}
quiz("depn.exit", answers)

# %% [markdown] lang="en" tags=["lecturer"] slideshow={"slide_type": "notes"}
# <details><summary>For the lecturer (not in the student notebook)</summary>
#
# **Timings, 110 minutes.** Promise and quiz 8 · idea and slip 20 · by hand 10 · exercises 1 to 3 about 27 · 4 and 5 about 8 · 6 and 7 about 22 · run 8 · capstone with note as
# homework · break 7. For 90 minutes leave exercise 6's `project_out` for home.
#
# **What goes wrong, most frequent first.**
#
# | exercise | error | how to help |
# |---|---|---|
# | 1 | one maximum for all texts; filled up with weak neurons | by hand, question 1 |
# | 6 | columns taken as orthonormal; differences centred | give them $U = (3, 4)^\top$ by hand |
# | 3 | ties, natural logarithm | ten equals: which is the secret? |
# | 2, 4 | written in place | who else sees `a`? |
# | 5 | looks for "sorry" | what does the model say instead? |
#
# **Demonstrate:** `bool("False")`; the sheet at 123 and at 160 neurons; the dial from 10 to 20.
#
# **Sober, please.** All people, numbers and rude words are invented; keep it so in class. Don't try extraction on models that hold real people's data.
#
# **Capstone, sample answer.** "Users ask in two languages, and nothing else of him may move. So I fine-tune on every wording that we know, in both languages, with his other facts kept, and test wordings that were not trained." Measured here: ROME in English gives all 4 English questions, 0 of 3 Chinese ones and costs some of his other facts; ROME in both languages misses the Chinese name and costs nearly all of them; IKE keeps most of
# his facts, and his country is answered with the city. All are undone exactly. Full marks: justified *before* measuring, both languages, what was not measured, who undoes it. Half: a table without a decision.
#
# **Rubric for "Explain".** Full: A control, B shared neurons, C input against output, D inside against output and false reports. Half: describes the rows.
#
# Cells with the tag `demo` can be left out: no exercise depends on them.
#
# </details>

# %% [markdown] lang="en"
# ## References
#
# - The textbook, §5.5: Gemini Pro's identity, the right to be forgotten, *González v Google*, the GDPR, and figures 5.21 to 5.24.
# - X. Wu, J. Li, M. Xu, W. Dong, S. Wu, C. Bian, D. Xiong: *DEPN: Detecting and Editing Privacy Neurons in Pretrained Language Models*. EMNLP 2023. arXiv 2310.20138.
# - M. Nasr and others: *Scalable Extraction of Training Data from (Production) Language Models*. 2023. arXiv 2311.17035. The repeated word.
# - N. Carlini, C. Liu, Ú. Erlingsson, J. Kos, D. Song: *The Secret Sharer*. USENIX Security 2019. arXiv 1802.08232. Canaries and exposure.
# - M. Geva, A. Caciularu, K. Wang, Y. Goldberg: *Transformer Feed-Forward Layers Build Predictions by Promoting Concepts in the Vocabulary Space*. EMNLP 2022. arXiv 2203.14680.
# - Y. Cai, D. Cao, R. Guo, Y. Wen, G. Liu, E. Chen: *Locating and Mitigating Gender Bias in Large Language Models*. 2024. arXiv 2403.14409. LSDM.
# - T. Limisiewicz, D. Mareček, T. Musil: *Debiasing Algorithm through Model Adaptation*. ICLR 2024. arXiv 2310.18913. DAMA.
