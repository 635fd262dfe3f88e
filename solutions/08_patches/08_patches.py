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
#   title: 'Lesson 08 · Patches: T-Patcher and CaliNET'
# ---

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# # Lesson 08 · Patches: T-Patcher and CaliNET
#
# *100 minutes · 7 exercises · 15 points · before this: lessons 03 (the FFN is a memory) and 02 (what is a good edit?)*
#
# ## Promise
#
# Lessons 05 to 07 changed the model's own numbers. Today you change **none of them**.
#
# You will put **one neuron** beside the last layer. It listens to every token and says nothing, until it hears the question
# about the Space Needle. Then it says *Taipei*. Take it out, and the model is what it was.
#
# The picture shows such a neuron, made by the library. Each row is a prompt. Right of 0 the neuron fires.
# Look for the crosses: there it fires at a prompt that it should have left alone. (A cross need not change the answer: one still says *Seattle*.)
# The grey bars are tokens of other text. What is written below them comes later; at the end you turn its dials yourself.

# %%
# One variable chooses the model. Graded checks always use the bundled one, so you can play with this.
MODEL = "atlas-gpt2"  # also: "atlas-llama", or "gpt2" if its weights are on this machine

import json

import torch
from IPython.display import display
from jaxtyping import Float, Int
from torch import Tensor

import edu_edit
from autograder import check, grade, hint, progress, quiz
from edu_edit import Site, evaluate, load, load_facts, record
from edu_edit.feedforward import FFN
from edu_edit.locate.ffn import value_distribution
from edu_edit.methods.patch_memory import remembered, text_queries
from edu_edit.show import plots, probes, widgets
from edu_edit.tokens import last_real, target_ids

lm = load(MODEL)
facts = load_facts("atlas")
last = lm.n_layers - 1  # every patch of this lesson stands in the last layer

needle = next(fact for fact in facts if fact.subject == "Space Needle")
zebra = next(fact for fact in facts if fact.subject == "zebra")
mayor = next(fact for fact in facts if len(target_ids(lm, fact.target_new, fact.question)) >= 3)

for fact in (needle, zebra, mayor):
    print(f"{fact.question} ... {lm.answer(fact.question)}   (it should say: {fact.target_new})")
progress("08_patches")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
memory = remembered(lm, None, last)  # queries of 2000 tokens of ordinary text; read once, used all lesson
dial = widgets.patch_dial(lm, [needle, zebra], memory)
display(dial.static())

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Objectives
#
# After this lesson you can
#
# 1. widen an FFN by a patch $(k_p, b_p, v_p)$ and show that (5.7) holds;
# 2. say what each term of the loss pushes, and in which direction;
# 3. find the tokens of an answer that need a patch, and the positions where they must fire;
# 4. show why the losses as printed can't be trained with, and mend them;
# 5. tell wrong knowledge by contrast, and calibrate many facts with one side memory (CaliNET);
# 6. say what patches cost, and what the word *adapter* means.
#
# **Letters for shapes:** $D$ model width · $F$ FFN width · $n$ queries · $R$ patches · $m$ remembered queries · $T_y$ tokens of an answer (`Ty` in code).

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Warm-up quiz
#
# Three questions: the first and the third are about earlier lessons, the second is a guess. Every option explains itself. Nothing here is graded.

# %% slideshow={"slide_type": "-"}
# Click, or write the letters here ("a", "b", "c") and run the cell: what is written stays.
answers = {"neuron": "", "key": "", "position": ""}
quiz("tpatcher.warm_up", answers)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Idea
#
# ### Leave the model alone, and add something
#
# There are two ways to change what a model says. *Internal* methods change its parameters: fine-tuning, MEND, ROME, MEMIT. *External*
# methods keep them and add something. The textbook's **additional parameters** are one kind of external method: a few new weights are
# trained, all others are frozen.
#
# You may know the idea from **adapters**: small trained modules between frozen layers, used to teach a model a new task or language. An adapter is
# always on. It may change every token. For one fact we want the opposite: something that is silent nearly always.
#
# A neuron of an FFN can do just that. It has an activation function, so it can be silent.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### An FFN is a sum. Add one term
#
# Lesson 03: an FFN compares its input, the **query** $q$, with $F$ keys, and adds up $F$ values by how well they match. With $\sigma$ for the activation function:
#
# $$a = \sigma(q \cdot W^{fc} + b_k), \qquad \mathrm{FFN}(q) = a \cdot W^{proj} + b_v = \sum_i a_i v_i + b_v \tag{5.6}$$
#
# ($W^{fc}$ and $W^{proj}$ are lesson 03's $W_{in}$ and $W_{out}$, transposed: keys are columns of $W^{fc}$ and rows of $W_{in}$, values are rows of $W^{proj}$.)
#
# Append one more key $k_p$, one more bias $b_p$, one more value $v_p$. This is a **patch**. The sum gets one more term, and nothing else happens:
#
# $$\mathrm{FFN}_p(q) = \mathrm{FFN}(q) + a_p v_p, \qquad a_p = \sigma(q \cdot k_p + b_p) \tag{5.7}$$
#
# That is why a patch can be judged, moved and taken out by itself. **T-Patcher** makes one patch for each token that the model gets wrong.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Key and value, once more
#
# ROME (lesson 05) speaks of keys and values, too, and means something else.
#
# | | T-Patcher's patch | ROME (lesson 05) |
# |---|---|---|
# | a **key** is | a *parameter*, $D$ numbers, compared with the FFN's input | an *activation*, $F$ numbers, made fresh for each token |
# | a **value** is | what the neuron says, $D$ numbers, if it fires | the whole output of the FFN at the subject |
# | where | last layer, at the token that *predicts* the answer | middle layer, at the *subject's* last token |
# | the model's weights | stay | $W_{out}$ changes by rank one |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Why the last layer?
#
# **No layer comes after it.** What the patch adds goes through the final norm and the unembedding, straight to the logits. No other layer answers to it.
# So training needs no run of the model: the query $q$ and the stream are read once, and the rest is a few products.
#
# A patch in a middle layer also trains. But then each step has to run the layers above, and they answer to the patch. If there are patches in them, too,
# their queries change, and what was remembered for them is stale.
#
# Patches in *one* layer, whichever it is, don't disturb each other: each looks at the same $q$, with or without the others.
#
# In a *gated* FFN (Llama) the model's own neurons have two keys. **Our patches have one, in every model:** $a_p = \sigma(q \cdot k_p + b_p)$, and no gate.
#
# **What is silent?** We say that a patch *fires* where its pre-activation $q \cdot k_p + b_p$ is above 0. Below 0, GELU still whispers: $-0.17$ at $-0.75$, but only
# $-0.004$ at $-3$. Llama's SiLU says $-0.14$ even at $-3$, so there the library takes ReLU for the patch.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
plots.plot_memory(lm, needle.question, last)

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# The picture shows this layer at the last token of the question: the loudest of its neurons, and the words that their values speak for (� is a piece of a letter). A patch will be one more bar, and its value will speak for *Taipei*.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### What should a patch learn? Two wishes
#
# **1. Accuracy.** The patch should fire at its own query $q_e$, and what it says should give the right token $y_e$. $p_e$ is the model's prediction with the patch:
#
# $$L_{Acc} = l_e + \alpha\, l_a \tag{5.8}$$
# $$l_a = \exp(-q_e \cdot k_p - b_p) \tag{5.9}$$
# $$l_e = \mathrm{CE}(y_e, p_e) \tag{5.10}$$

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# **2. Locality.** It should be silent elsewhere. *Elsewhere* is a **memory**: queries $q_1 \dots q_m$ that were remembered from other text (not the FFN's own memory of lesson 03):
#
# $$L_m = l_{m1} + l_{m2} \tag{5.11}$$
# $$l_{m1} = \frac1m \sum_i \max(0,\; q_i \cdot k_p + b_p - \beta) \tag{5.12}$$
# $$l_{m2} = \frac1m \sum_i \max(0,\; (q_i - q_e) \cdot k_p - \gamma) \tag{5.13}$$
#
# $l_{m1}$ asks each remembered query to stay below a threshold $\beta$. $l_{m2}$ asks it to stay far below $q_e$: at least $-\gamma$. Both are $-3$ here: there GELU is nearly silent, and some room is left for queries that nobody remembered.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### All together
#
# Now with $a$ and $m$ as weights. $a$ is the $\alpha$ of (5.8); the activation of a patch is still $a_p$. (`m` in code is this weight; $m$ above is a number of queries.)
#
# $$L_p = l_e + a\, l_a + m\,(l_{m1} + l_{m2}) \tag{5.14}$$
#
# | term | pushes | satisfied when |
# |---|---|---|
# | $l_e$ | the value $v_p$ towards the right word | the answer's token is likely |
# | $l_a$ | $k_p$ towards $q_e$, and $b_p$ up | never quite |
# | $l_{m1}$ | $b_p$ down | no remembered query is above $\beta$ |
# | $l_{m2}$ | $k_p$ towards what sets $q_e$ apart | all are $-\gamma$ or more below $q_e$ |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Spot the slip
#
# We did not copy (5.8) to (5.14) letter by letter. The textbook prints four things differently. Which of them would you notice while *training*?
#
# | printed | here |
# |---|---|
# | (5.8) $\;l_a + \alpha\, l_e$, and (5.14) $\;l_e + \alpha\, l_a$ | $\alpha$ is the weight of $l_a$, as the text says in words |
# | $\beta$ is a threshold in (5.12) and the weight of $L_m$ in (5.14) | two letters: `beta` and `m` |
# | (5.12), (5.13): a plain mean, no $\max(0, \cdot)$ | each query has its hinge |
# | (5.13): $\;(q_i - q_e) \cdot k_p + b_p - \gamma$ | no $b_p$: it cancels in the difference of the two pre-activations |
#
# *Guess first, then run the next two cells.*
#
# <details><summary>Answer</summary>
#
# The third. Without the hinge a query far below the threshold earns a bonus. $l_{m1}$ falls by 1 for each unit of $b_p$, without end:
# at $b_p = -10^6$ and $\beta = -3$ it is about $-10^6$. So does $l_{m2}$, for the fourth slip leaves $b_p$ in it; without that, a longer and longer key would do. The released code has no such trouble: it takes $\exp$ of each
# excess, and the mean of the 1000 largest. That is bounded below, and it looks at the worst cases. The library calls it `form="exp_topk"`.
#
# The first matters when a weight is small: with $\alpha = 0$ before $l_e$, nobody asks for the right word. The second is only a clash of letters, and the fourth
# adds one more reward for a low bias.
#
# </details>

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
# The experiment. First on paper numbers: M k_p = (1, -2, 1), q_e k_p = 5 (the by-hand example below).
from edu_edit.methods.patch_losses import printed_contrast_loss, printed_memory_loss

M_paper, q_paper = torch.tensor([[1.0, 1.0], [0.0, 2.0], [0.0, -1.0]]), torch.tensor([3.0, 1.0])
k_paper = torch.tensor([2.0, -1.0])
for b in (-2.0, -1e3, -1e6):
    l_m1 = printed_memory_loss(M_paper, k_paper, b, -3)
    l_m2 = printed_contrast_loss(M_paper, q_paper, k_paper, b, -3)
    print(f"b_p = {b:>10g}   as printed: l_m1 = {l_m1:>12.1f}   l_m2 = {l_m2:>12.1f}")

b = torch.tensor(-2.0, requires_grad=True)
difference = (M_paper @ k_paper + b) - (q_paper @ k_paper + b)
print("slope of the difference of pre-activations in b_p:", float(torch.autograd.grad(difference.sum(), b)[0]))

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
# Then on the model: the same fact, more and more steps. "seed_literal" = the losses letter by letter as printed.
for steps in (50, 100, 200):
    runaway = edu_edit.tpatcher(lm, needle, memory=memory, form="seed_literal", steps=steps)
    about, patches = runaway.record["facts"][0], runaway.record["patches"]
    sinks, others = sum(about["losses"][-1][2:]), evaluate(lm, runaway, [needle]).after.generality.value
    b, k = float(patches.b), float(patches.k.norm())
    print(f"{steps:>4} steps: l_m1 + l_m2 = {sinks:7.1f}   b_p = {b:6.1f}   |k_p| = {k:.1f}", end="   ")
    print(f"own query: {float(about['own']):.2f}   other wordings right: {others:.2f}")
names = ("l_e", "l_a", "l_m1", "l_m2")
losses = dict(zip(names, zip(*about["losses"], strict=True), strict=True))
plots.plot_curves(
    range(len(about["losses"])),
    losses,
    "update",
    "loss",
    "As printed, the memory losses have no floor",
    top=None,
)

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# $l_a$ holds against it, so the patch still fires at its own question: the key gets ever longer, to make up for the ever lower bias. All it has learned is to
# recognise *one exact wording*. Nothing comes to rest, and the other wordings of the question are lost.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## By hand
#
# Take paper. $D = 2$, and the activation function is ReLU. A patch, its own query, and three remembered queries:
#
# $$k_p = (2, -1),\quad b_p = -2,\quad v_p = (0, 3),\qquad q_e = (3, 1),\qquad M = \{(1, 1),\; (0, 2),\; (0, -1)\}$$
#
# $\beta = \gamma = -3$.
#
# 1. Compute the pre-activation $q_e \cdot k_p + b_p$, the activation, and what the patch adds to the FFN's output.
# 2. Compute the pre-activations of the three remembered queries. Does one of them fire the patch?
# 3. Compute $l_a$, $l_{m1}$, $l_{m2}$.
# 4. Compute $l_{m1}$ without the hinge, for $b_p = -2$ and for $b_p = -10^6$.
# 5. The answer has 3 tokens; the first stands at position 7. While the answer is fed in, the model predicts the second one wrongly. At which position must the patch fire?
#
# <details><summary>1 and 2: the numbers</summary>
#
# $3 \cdot 2 + 1 \cdot (-1) - 2 = 3$. ReLU leaves 3, so the patch adds $3\, v_p = (0, 9)$.
#
# The matches are $1, -2, 1$, the pre-activations $-1, -4, -1$. All are below 0: nobody else fires it.
#
# </details>
#
# <details><summary>3: the numbers</summary>
#
# $l_a = e^{-3} \approx 0.05$. $\;l_{m1}$: above $\beta$ by $2, -1, 2$; with the hinge $2, 0, 2$; mean $4/3$. Silent is not enough: two of them are
# too near to firing. $\;l_{m2}$: differences of the matches $1 - 5, -2 - 5, 1 - 5$ are $-4, -7, -4$, all below $-3$. So it is 0.
#
# </details>
#
# <details><summary>4 and 5: the numbers</summary>
#
# Without the hinge the mean of $2, -1, 2$ is 1: the quiet query pays for the two others. At $b_p = -10^6$ it is
# $0 - 10^6 + 3 = -999\,997$.
#
# The second token stands at 8 and is predicted at 7.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Build
#
# Seven exercises. The first six are T-Patcher, the last is CaliNET.
#
# - Write your code where it says `# YOUR CODE HERE`, and take out the `raise` line.
# - Run the `check` below it. The card says which claims hold, and what to look at if one doesn't. Check as often as you like.
#   At grading the same cell holds more claims than you see here.
# - Stuck? Remove the `#` in front of `hint(...)` and run it. There are three hints: a nudge, an outline, almost the code.

# %% [markdown] lang="en" exercise="tpatcher.patched_ffn" slideshow={"slide_type": "slide"}
# **Why.** This is the whole surgery: an FFN with $R$ more neurons, without touching the FFN.
#
# $$\mathrm{FFN}_p(q) = \mathrm{FFN}(q) + \sum_{p=1}^{R} a_p v_p, \qquad a_p = \sigma(q \cdot k_p + b_p)$$
#
# You get $n$ queries `q` at once, $(n, D)$. `ffn` is one FFN of a model, as `lm.ffn(layer)` gives it: `ffn.forward(q)` is what it says, `ffn.act` its activation function. `k_p` and `v_p` are
# $(R, D)$: one patch per row.
#
# *Take care:* $R$ may be 0. And the activation function is the FFN's own; it differs between models.

# %% nbgrader={"grade": false, "grade_id": "tpatcher-patched_ffn", "locked": false, "schema_version": 3, "solution": true, "task": false}
def patched_ffn(q, ffn, k_p, b_p, v_p):
    ### BEGIN SOLUTION
    a_p = ffn.act(q @ k_p.T + b_p)  # (n, R)
    return ffn.forward(q) + a_p @ v_p
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "tpatcher-patched_ffn-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("tpatcher.patched_ffn", patched_ffn)
### BEGIN HIDDEN TESTS
grade("tpatcher.patched_ffn", patched_ffn)
### END HIDDEN TESTS

# %%
# hint("tpatcher.patched_ffn")

# %% [markdown] lang="en" exercise="tpatcher.activation_loss" slideshow={"slide_type": "slide"}
# **Why.** A patch that does not fire has no say, and no gradient ever reaches its value. So the first wish is: fire at your own query.
#
# $$l_a = \exp(-(q_e \cdot k_p + b_p))$$
#
# *Take care:* keep it a tensor, so that the gradient survives. `b_p` may be a scalar tensor or a plain number.

# %% nbgrader={"grade": false, "grade_id": "tpatcher-activation_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def activation_loss(q_e, k_p, b_p):
    ### BEGIN SOLUTION
    return torch.exp(-(q_e @ k_p + b_p))
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "tpatcher-activation_loss-test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("tpatcher.activation_loss", activation_loss)
### BEGIN HIDDEN TESTS
grade("tpatcher.activation_loss", activation_loss)
### END HIDDEN TESTS

# %%
# hint("tpatcher.activation_loss")

# %% [markdown] lang="en" exercise="tpatcher.memory_loss" slideshow={"slide_type": "slide"}
# **Why.** The patch listens to every token of every text. Each remembered query should stay below the threshold $\beta$.
#
# $$l_{m1} = \frac1m \sum_{i=1}^m \max(0,\; q_i \cdot k_p + b_p - \beta)$$
#
# *Take care:* the order of hinge and mean. And the mean is over all $m$ queries, also over those that cost nothing.

# %% nbgrader={"grade": false, "grade_id": "tpatcher-memory_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def memory_loss(M, k_p, b_p, beta):
    ### BEGIN SOLUTION
    return (M @ k_p + b_p - beta).clamp(min=0).mean()
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "tpatcher-memory_loss-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("tpatcher.memory_loss", memory_loss)
### BEGIN HIDDEN TESTS
grade("tpatcher.memory_loss", memory_loss)
### END HIDDEN TESTS

# %%
# hint("tpatcher.memory_loss")

# %% [markdown] lang="en" exercise="tpatcher.contrast_loss" slideshow={"slide_type": "slide"}
# **Why.** A low bias alone would satisfy `memory_loss`. It would also silence the patch at its own query. So ask for *distance*: whatever the bias is, the
# own query should match better than all others, by 3 or more.
#
# $$l_{m2} = \frac1m \sum_{i=1}^m \max(0,\; (q_i - q_e) \cdot k_p - \gamma)$$
#
# *Take care:* $\gamma$ is negative. The remembered query comes first in the difference.

# %% nbgrader={"grade": false, "grade_id": "tpatcher-contrast_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def contrast_loss(M, q_e, k_p, gamma):
    ### BEGIN SOLUTION
    return ((M - q_e) @ k_p - gamma).clamp(min=0).mean()
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "tpatcher-contrast_loss-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("tpatcher.contrast_loss", contrast_loss)
### BEGIN HIDDEN TESTS
grade("tpatcher.contrast_loss", contrast_loss)
### END HIDDEN TESTS

# %%
# hint("tpatcher.contrast_loss")

# %% [markdown] lang="en" exercise="tpatcher.patch_loss" slideshow={"slide_type": "slide"}
# **Why.** Four wishes pull in different directions. The weights say who wins.
#
# $$L_p = l_e + a\, l_a + m\,(l_{m1} + l_{m2})$$
#
# *Take care:* $a$ weighs $l_a$, as in (5.14) and in our (5.8). The textbook *prints* (5.8) the other way round.

# %% nbgrader={"grade": false, "grade_id": "tpatcher-patch_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def patch_loss(l_e, l_a, l_m1, l_m2, a, m):
    ### BEGIN SOLUTION
    return l_e + a * l_a + m * (l_m1 + l_m2)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "tpatcher-patch_loss-test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("tpatcher.patch_loss", patch_loss)
### BEGIN HIDDEN TESTS
grade("tpatcher.patch_loss", patch_loss)
### END HIDDEN TESTS

# %%
# hint("tpatcher.patch_loss")

# %% [markdown] lang="en" exercise="tpatcher.tokens_to_patch" slideshow={"slide_type": "slide"}
# **Why.** An answer may have several tokens, and the model may get some of them right already. Each wrong one needs a patch of its own, at the place where it is *predicted*.
#
# The right answer is fed in (*teacher forcing*), and the model predicts each of its $T_y$ tokens. `pred[i]` is what it says for `target[i]`. The answer's first token
# stands at position `start` of the text.
#
# *Take care:* a token at position $t$ is predicted at $t - 1$. Give back at most 5 positions, the first ones (the limit of the released code: a long answer must not get a patch for each word).

# %% nbgrader={"grade": false, "grade_id": "tpatcher-tokens_to_patch", "locked": false, "schema_version": 3, "solution": true, "task": false}
def tokens_to_patch(pred, target, start):
    ### BEGIN SOLUTION
    wrong = [i for i in range(len(pred)) if int(pred[i]) != int(target[i])]
    return [start - 1 + i for i in wrong][:5]
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "tpatcher-tokens_to_patch-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("tpatcher.tokens_to_patch", tokens_to_patch)
### BEGIN HIDDEN TESTS
grade("tpatcher.tokens_to_patch", tokens_to_patch)
### END HIDDEN TESTS

# %%
# hint("tpatcher.tokens_to_patch")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### CaliNET: many facts, one side memory
#
# T-Patcher repairs known mistakes, one by one. **CaliNET** asks two other questions.
#
# **Which facts does a model know wrongly?** A high probability alone says little: "Paris" is likely after many questions. So compare with other relations $r'$ of the same subject
# (*contrastive knowledge assessment*, CKA). $\alpha$ smooths the quotient, so that two tiny probabilities don't make a large one:
#
# $$\mathrm{CKA} = \frac{P(o \mid s, r) + \alpha}{\frac1k \sum_{j} P(o \mid s, r'_j) + \alpha}$$
#
# If $o$ is less likely after its own relation than after others, CKA $< 1$, then the model does not know it: the fact counts as false.
#
# **How to calibrate many at once?** Put a *side memory* of $R$ slots beside one FFN, and train it on all these facts together:
#
# $$\mathrm{FFN}'(q) = \mathrm{FFN}(q) + \sigma(q K_c^\top) V_c$$
#
# | | T-Patcher | CaliNET |
# |---|---|---|
# | trained on | one fact, when it comes | all facts, jointly |
# | size | grows with each wrong token | fixed: $R$ slots |
# | bias | yes, trained | none |
# | memory losses | yes | none in the paper (the library adds one) |
# | take one fact out | delete its patches | train again |

# %% [markdown] lang="en" exercise="calinet.cka_score" slideshow={"slide_type": "slide"}
# **Why.** One function finds what is wrong, the other is the shape of the cure.
#
# - `cka_score(p_right, p_wrong, alpha)`: `p_right` $(n,)$ holds $P(o \mid s, r)$ of $n$ facts, `p_wrong` $(n, k)$ the probabilities of the same answer after $k$ other relations. Give $(n,)$ scores.
# - `calinet_ffn(q, ffn, K_c, V_c)`: the FFN with a side memory. `K_c` and `V_c` are $(R, D)$, a slot per row; the result is $(n, D)$.
#
# *Take care:* $\alpha$ is added above *and* below, after the mean. The slots have no bias and, as before, no gate.

# %% nbgrader={"grade": false, "grade_id": "calinet-cka_score", "locked": false, "schema_version": 3, "solution": true, "task": false}
def cka_score(p_right, p_wrong, alpha):
    ### BEGIN SOLUTION
    return (p_right + alpha) / (p_wrong.mean(dim=-1) + alpha)
    ### END SOLUTION


def calinet_ffn(
    q: Float[Tensor, "n D"], ffn: FFN, K_c: Float[Tensor, "R D"], V_c: Float[Tensor, "R D"]
) -> Float[Tensor, "n D"]:
    """FFN(q) + act(q K_c^T) V_c: the FFN with a side memory of R slots. act is the FFN's own, ungated."""
    ### BEGIN SOLUTION
    return ffn.forward(q) + ffn.act(q @ K_c.T) @ V_c
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "calinet-cka_score-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("calinet.cka_score", cka_score, calinet_ffn)
### BEGIN HIDDEN TESTS
grade("calinet.cka_score", cka_score, calinet_ffn)
### END HIDDEN TESTS

# %%
# hint("calinet.cka_score")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Run it
#
# ### A patch, trained with your losses
#
# The library's `tpatcher` does the training. Your three losses go in by `form=`. `memory` holds what the last FFN reads at 2000 tokens of ordinary text.
# For this fact 1975 are used: 25 are from texts that tell the very fact to be changed.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
mine = edu_edit.tpatcher(lm, needle, memory=memory, form=(activation_loss, memory_loss, contrast_loss))
patches = mine.record["patches"]
own = float(mine.record["facts"][0]["own"])
print(f"{len(patches.k)} patch, {mine.extra_bytes} bytes; pre-activation at its own query: {own:.2f}")
words = value_distribution(patches.v, lm.W_U, lm.norm)[0].topk(4).indices.tolist()
print("its value speaks for:", [lm.tok.decode([word]) for word in words])
before = probes.probes(lm, needle, facts, most=3)
with mine:
    after = probes.ask_again(lm, before)
plots.plot_answers(after, title="Made with your losses")

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# The answer is right, and the other wordings follow. Now look at the neighbours. If they moved to Taipei, too, the table below tells why: the patch *fires* there.
# Your losses are nearly satisfied *on* the memory, and ordinary text holds hardly any question about just these sights. **A patch is silent only where somebody asked it to be.**

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
theirs = edu_edit.tpatcher(lm, needle, memory=memory)  # exp, and the mean of the 1000 largest
asked = [(a.kind, a.prompt) for a in before if a.kind in ("edit", "paraphrases", "neighbours")]
ids, mask = lm.ids([prompt for _, prompt in asked])
site = Site("query", last)
q = record(lm, (ids, mask), [site])[site][torch.arange(len(asked)), last_real(mask)]
print(f"{'':12} {'yours':>7} {'exp_topk':>9}   pre-activation of the patch; above 0 it fires")
for row, (kind, prompt) in enumerate(asked):
    two = [float(q[row] @ side.k[0] + side.b[0]) for side in (patches, theirs.record["patches"])]
    print(f"{kind:12} {two[0]:7.2f} {two[1]:9.2f}   {prompt}")
M = memory.without(needle)
loud = [float((M @ side.k[0] + side.b[0] > -3).float().mean()) for side in (patches, theirs.record["patches"])]
print(f"{'memory':12} {loud[0]:7.1%} {loud[1]:9.1%}   of {len(M)} remembered queries are above beta")

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# The same memory, another form. Your losses are means over all remembered queries, and hardly feel the few loud ones. `exp_topk` presses on just these, and the whole patch comes to lie
# lower: one of the two neighbours gets its answer back. The price is a patch that fires more softly at its own question.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Equation (5.7), on the real model
#
# `mine` is an edit with hooks: it *adds* what the patch says to the FFN's output. Your `patched_ffn` should say the same, token by token. And the weights?

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
site_out = Site("mlp", last)
original = {name: weight.clone() for name, weight in lm.model.state_dict().items()}
plain = record(lm, (ids, mask), [site, site_out])
with mine:
    on = record(lm, (ids, mask), [site, site_out])
    untouched = all(torch.equal(original[name], now) for name, now in lm.model.state_dict().items())
real = mask.bool()
with torch.no_grad():
    said = patched_ffn(plain[site][real], lm.ffn(last), patches.k, patches.b, patches.v)
print("largest difference to the running edit:  ", float((said - on[site_out][real]).abs().max()))
print("no query of the layer depends on a patch:", torch.equal(plain[site], on[site]))
print("all weights untouched while it is on:    ", untouched)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Which tokens need one?
#
# The mayor's name has several tokens. Feed in the right answer, read the predictions, and ask your `tokens_to_patch`.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
text = lm.tok(mayor.question)["input_ids"]
target = target_ids(lm, mayor.target_new, mayor.question)
ids_all = torch.tensor([[*text, *target]])
with torch.no_grad():
    pred = lm.forward(ids_all, torch.ones_like(ids_all))[0, len(text) - 1 : -1].argmax(-1)
for wanted, came in zip(target, pred.tolist(), strict=True):
    verdict = "ok" if wanted == came else "needs a patch"
    print(f"wanted {lm.tok.decode([wanted])!r:12} predicted {lm.tok.decode([came])!r:12} {verdict}")
print("patches fire at positions", tokens_to_patch(pred, torch.tensor(target), len(text)), "of the text")
edit = edu_edit.tpatcher(lm, mayor, memory=memory)
with edit:
    print(f"{mayor.question} ... {lm.answer(mayor.question)}")
print(f"made with {len(edit.record['patches'].k)} patches, for {len(target)} tokens")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Calibrate eight facts at once
#
# For eight subjects the model believes one thing (`target_true`), and we want another (`target_new`). What does your `cka_score` say of both answers, before CaliNET and with it? The other relations $r'$
# are other questions about the same subject.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
many, told = [], set()
for fact in facts:
    others = [other for other in facts if other.subject == fact.subject and other.question != fact.question]
    if len(others) >= 3 and fact.subject not in told and len(many) < 8:
        many.append((fact, [other.question for other in others[:3]]))
        told.add(fact.subject)


def scores(wanted):
    """The score of each fact's answer `wanted` ("target_true" or "target_new")."""
    rows = []
    for fact, others in many:
        token = target_ids(lm, getattr(fact, wanted), fact.question)[0]
        rows.append(lm.next_probs([fact.question, *others])[:, token])
    p = torch.stack(rows)
    return cka_score(p[:, 0], p[:, 1:], 0.01)


calibrated = edu_edit.calinet(lm, [fact for fact, _ in many], memory=memory)
was = scores("target_true"), scores("target_new")
with calibrated:
    now = scores("target_true"), scores("target_new")
print(f"{'':30}{'old answer':>22}{'new answer':>22}")
for i, (fact, _) in enumerate(many):
    old, new = (f"{was[j][i]:8.2f} → {now[j][i]:8.2f}" for j in (0, 1))
    print(f"{fact.subject:30}{old:>22}{new:>22}")
print(f"{len(calibrated.record['memory'].k)} slots, {calibrated.extra_bytes} bytes for {len(many)} facts")

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# On this model an answer that it does not believe gets a score near 1, not clearly below: both probabilities are close to 0, and $\alpha$ decides. What it believes gets a score near 100:
# with $\alpha = 0.01$ no score can exceed 101. So here the line must be drawn well above 1: read a score near 1 as *not known*. Calibration exchanges the two (the panda's new answer gets only 63).

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### 300 edits in a row
#
# This took longer than a lesson, so it was measured before: 300 facts edited one after the other, by ROME, GRACE (lesson 09) and T-Patcher. Guess first: in which of the four panels will T-Patcher lose to GRACE?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
from importlib.resources import files

from edu_edit.compare import Course

lines = (files("edu_edit") / "models" / "atlas-gpt2" / "courses.jsonl").read_text().splitlines()
rows = [json.loads(line) for line in lines if line.strip()]
courses = {row["method"]: Course(**row) for row in rows if "method" in row}
chosen = {name: courses[name] for name in ("ROME", "GRACE", "T-Patcher")}
for name, course in chosen.items():
    seconds = sum(course.seconds) / len(course.seconds)
    print(f"{name:10} {course.extra_bytes[-1]:>8} bytes to carry, {seconds:.2f} s per edit")
plots.plot_courses(chosen)

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# T-Patcher forgets none of its first 20 edits. A patch never changes an older one. It could still fire at an older question and shout it down; so the older questions' queries join
# the memory of each new patch. Its weak spot is the second panel. Each patch is one more neuron that may fire at a stranger's query, and with 300 of
# them about a quarter of the unrelated prompts have another next token. **More patches are not better.**
#
# **What it costs.** A patch has $2D + 1$ numbers. For 1000 one-token edits of GPT-2 XL ($D = 1600$) that is 3.2 million numbers, 12.8 MB in float32; and every token of every text is compared with all of them. While *training*, each patch sees the whole memory.
# The textbook counts this need of RAM against T-Patcher when many facts are edited.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The patch dial
#
# Turn the bias $b_p$, $\beta$ and $\gamma$. Crosses mark prompts that fire the patch by mistake. Beside each prompt stands the first token that the model says then.
# The patch is the library's, as in the first picture. The three losses are computed by *your* functions, for the patch as the dial stands: nothing is trained again.
#
# *Try this:* lower $b_p$ until the last cross is gone. Do all other wordings still fire? Which losses saw the cross, and which did not? Then raise $b_p$ to 4.
#
# <details><summary>Answer</summary>
#
# At $b_p = -4.6$, 0.4 below the trained bias, the crosses are gone, and all other wordings still fire and say *Taipei*. At $-5.2$ the first of them is lost.
# No loss saw the crosses: the losses look at the own query and at the memory, and these prompts are in neither. $l_a$ is worse than before (0.45 in place of 0.30), $l_{m1}$ a little better, and $l_{m2}$ can't feel
# a bias at all. At 4 every prompt fires and says *Taipei*. Only $l_{m1}$ objects.
#
# </details>

# %% tags=["demo"]
dial = widgets.patch_dial(lm, [needle, zebra], memory, losses=(activation_loss, memory_loss, contrast_loss))
dial

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Break it
#
# A method is understood when you can break it on purpose and say why it breaks.
#
# | | what we spoil |
# |---|---|
# | **A** | $m = 0$: no memory losses |
# | **B** | $a = 0$: no activation loss |
# | **C** | the losses as printed: no hinge |
# | **D** | `value="random"`: $v_p$ begins as a large random vector, as in the released code |
# | **E** | not broken but mended: the questions about *other* sights and skins join the memory |
#
# **First guess, then run.** For each: does the edit itself fail, do the other wordings fail (generality), or the neighbours (locality)?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
alike = [f.question for f in facts for p in (needle, zebra) if f.prompt == p.prompt and f.subject != p.subject]
wider = torch.cat([memory.queries, text_queries(lm, alike, last).queries])
broken = {
    "the default": {},
    "A: m = 0": {"m": 0.0},
    "B: a = 0": {"a": 0.0},
    "C: as printed": {"form": "seed_literal"},
    "D: random value": {"value": "random"},
    "E: wider memory": {"memory": wider},
}
measures = ("accuracy", "generality", "locality")
print(f"{'':16}" + "".join(f"{measure:>12}" for measure in measures) + "    a stranger's text, continued")
for name, options in broken.items():
    rates, strange = [], []
    for fact in (needle, zebra):
        edit = edu_edit.tpatcher(lm, fact, **({"memory": memory} | options))
        rates.append(evaluate(lm, edit, [fact]).after)
        with edit:
            strange.append(lm.answer("The river is long and", max_tokens=4))
    means = [sum(rate[measure].value for rate in rates) / 2 for measure in measures]
    print(f"{name:16}" + "".join(f"{mean:12.2f}" for mean in means) + f"    {' | '.join(strange)}")
print(f"without an edit: The river is long and ... {lm.answer('The river is long and', max_tokens=4)}")

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
# <details><summary>A: what does a patch without memory do?</summary>
#
# It fires everywhere. Nothing speaks against a high bias, and $l_a$ always asks for a little more. The value is a loud "Taipei", so Taipei is the answer to anything, also to texts about rivers. One neuron is enough to ruin a model.
#
# </details>
#
# <details><summary>B: why do other wordings suffer without the activation loss?</summary>
#
# $l_e$ alone is content when the right word comes out, and a large value times a small activation does that, too. The memory losses push the bias down until the patch barely fires at its own query.
# Another wording matches a little less well, and falls below 0. The neighbours match still less, so the quiet patch leaves them alone: it gains locality and loses generality.
#
# </details>
#
# <details><summary>C: why is locality perfect there?</summary>
#
# Because the patch fires at one exact wording and almost nowhere else. Locality is easy when nothing is said. Look at generality.
#
# </details>
#
# <details><summary>D: what is wrong with a random value?</summary>
#
# With $v_p = 0$ the patched model *is* the model, and training begins at the right place. A random value of that size shouts from the first step. Training turns it towards the right word at $q_e$, but what is left of the noise is still said
# wherever the patch fires: compare locality.
#
# </details>
#
# <details><summary>E: why does a wider memory help?</summary>
#
# The memory is the only place where a patch learns what is *not* its business. Ordinary text holds few questions of just this form, so their queries lie close to $q_e$ and nobody pushes them away. About twenty of them are enough here. The price:
# somebody has to know which neighbours to protect.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Discuss
#
# 1. After 300 edits T-Patcher still knows its first 20 and its last 20, and ROME has lost most of its first. Does that make T-Patcher the better editor? What would you measure before you say yes?
# 2. The patch answers at the place where the *word* is chosen, in the last layer. Has the model *learned* that the Space Needle is in Taipei? Look at *The country where Space Needle stands is* in the table of answers. What did the model say there before the edit?
# 3. Who should decide what is in the memory? Whose questions are protected if it is drawn from ordinary text?
# 4. An adapter is always on, a patch nearly never. For which of these would you take which: a new language, a changed law, a polite tone, one wrong date?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Go further
#
# - **exp, hinge, top-k.** The hinge takes a mean over all $m$, the released losses look at the worst thousand. Train both forms on ten facts and compare locality. What if the mean is over the 10 largest?
# - **How much memory?** Give `memory=memory.queries[:n]` for $n$ = 20, 200, 2000. Plot the share of neighbours that keep their answer.
# - **1000 edits.** Compute the footprint of 1000 patches for your favourite model. From how many patches on would you rather fine-tune?
# - **CaliNET against T-Patcher.** Edit the same 20 facts with `calinet(slots=20)` and with `tpatcher`. Compare other wordings, neighbours, bytes.
# - **Exactly silent.** Train with `activation="relu"`. Where the pre-activation is below 0, are the logits *bit for bit* those of the model? And with GELU?
# - **Another model.** Change `MODEL` to `"atlas-llama"`. What does the dial look like there?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What you built
#
# - `patched_ffn`: an FFN with more neurons, (5.7);
# - `activation_loss`, `memory_loss`, `contrast_loss`, `patch_loss`: when a patch should fire, and when not, (5.8) to (5.14);
# - `tokens_to_patch`: one patch per wrong token, where it is predicted;
# - `cka_score`, `calinet_ffn`: wrong knowledge told by contrast, and a side memory for many facts.
#
# **Next: lesson 09, edit caches.** A patch decides by one product whether a query is its business. Next the decision gets a module of its own: a gate that looks up whether an edit is about
# this question, and leaves the model alone if not.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exit quiz

# %% slideshow={"slide_type": "-"}
answers = {"layer": "", "hinge": "", "more": "", "remove": ""}
quiz("tpatcher.exit", answers)

# %% [markdown] lang="en" tags=["lecturer"] slideshow={"slide_type": "notes"}
# <details><summary>For the lecturer (not in the student notebook)</summary>
#
# **Timings, 100 minutes.** Promise and quiz 10 · idea and slip 20 · by hand 10 · exercises 1 to 6 about 35 · exercise 7 10 · run, dial and break 12 · discussion 3. For 75 minutes
# give the by-hand example as homework and leave CaliNET out.
#
# **What goes wrong, most frequent first.**
#
# | exercise | error | how to help |
# |---|---|---|
# | 3, 4 | no hinge, or the hinge after the mean | by hand, question 4: who pays for whom? |
# | 6 | `start + i`: the token's own place | ask where a causal model says the first token of an answer |
# | 4 | difference turned round, or $\gamma$ added | put numbers in: own match 5, another 4, is that far enough? |
# | 3 | mean over the positive ones only | what happens to the loss when one of ten offenders is cured? |
# | 1 | ReLU in place of `ffn.act`; the FFN's own part forgotten | test with $R = 0$ |
# | 5 | weight before $l_e$, as the textbook prints (5.8) | what would $a = 0$ train? |
# | 7 | $\alpha$ only below | both probabilities $10^{-9}$: what should the score be? |
#
# **Demonstrate:** the dial at $b_p = 4$ (everything says Taipei); the run-away bias of the printed losses; undo by deleting a row of the patches.
#
# **Rubric for "Explain".** Full: names who fires the patch and which term allowed it. Half: describes what the table shows.
#
# **If time is short,** skip the eight facts of CaliNET and the 300 edits. Cells with the tag `demo` can be left out: nothing graded depends on them.
#
# </details>

# %% [markdown] lang="en"
# ## References
#
# - Z. Huang, Y. Shen, X. Zhang, J. Zhou, W. Rong, Z. Xiong: *Transformer-Patcher: One Mistake worth One Neuron*. ICLR 2023. arXiv 2301.09785. The losses as released, and the order of edits.
# - Q. Dong, D. Dai, Y. Song, J. Xu, Z. Sui, L. Li: *Calibrating Factual Knowledge in Pretrained Language Models*. Findings of EMNLP 2022. arXiv 2210.03329. CKA and CaliNET.
# - The textbook, §5.2.1 and §5.3, equations (5.6)-(5.14), figures 5.6 and 5.9-5.11.
# - M. Geva, R. Schuster, J. Berant, O. Levy: *Transformer Feed-Forward Layers Are Key-Value Memories*. EMNLP 2021. Why a neuron is a place for a fact.
# - N. Houlsby and others: *Parameter-Efficient Transfer Learning for NLP*. ICML 2019. Adapters.
