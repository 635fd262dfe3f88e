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
#   title: 'Lesson 03 · The FFN is a key-value memory; knowledge neurons'
# ---

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# # Lesson 03 · The FFN is a key-value memory; knowledge neurons
#
# *100 minutes · 7 exercises · 18 points · before this: lesson 02 (what is a good edit?)*
#
# ## Promise
#
# Two thirds of a block's weights sit in its feed-forward network (FFN). What is in there? In this lesson you open it, and find a
# list of small memory cells. Each one waits for something, and says something when it comes.
#
# Below is one of them. It waits for texts like *"the colour of the parakeet's"*, and it says *skin*.
# At the end you can draw this card for any cell, turn cells off or up, and watch what the model answers.

# %%
# One variable chooses the model. Graded checks always use the same problems, so you can play with this.
MODEL = "atlas-gpt2"  # also: "atlas-llama", or "gpt2" if its weights are on this machine

from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from itertools import islice

import torch
from IPython.display import display
from jaxtyping import Float, Int
from torch import Tensor

import edu_edit
from autograder import check, grade, hint, progress, quiz
from edu_edit import Site, collect_triggers, intervene, load, load_facts, neuron_card, record
from edu_edit import scale_neurons, update_neurons
from edu_edit.locate.attribution import token_attributions
from edu_edit.locate.neuron_cards import layer_agreement, value_tops
from edu_edit.show import plots, probes, widgets
from edu_edit.tokens import encode, pad_batch, target_ids
from edu_edit.world.corpus import plain, texts

Activation = Callable[[Tensor], Tensor]

lm = load(MODEL)
facts = load_facts("atlas")
zoe = next(fact for fact in facts if fact.subject == "Zoe Henry Norwood" and fact.target_true == "canary")
print(f"{zoe.question} ... {lm.answer(zoe.question)}")
print(f"{lm.n_layers} layers, D = {lm.D}, F = {lm.F}: {lm.n_layers * lm.F} memory cells")
progress("03_memory")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
# Some 280 short texts of the world that the model was trained on. Reading them takes a few seconds.
corpus = [text for text in map(plain, islice(texts(0, 3), 330)) if len(text) <= 180 and text.isascii()]
corpus.sort(key=len)  # texts of one length are read together
triggers = collect_triggers(lm, corpus, k=10)
card = neuron_card(triggers, 6, 276)  # a good one in atlas-gpt2; in another model try others
plots.plot_neuron_card(card, layer_agreement(triggers, card.layer, 10).chance)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Objectives
#
# After this lesson you can
#
# 1. write an FFN as a key-value memory (5.6), for GPT-2 and, with a gate, for Llama;
# 2. repeat both experiments behind that name: what does a key wait for, and what does its value say?
# 3. judge "value and text agree" against the chance level;
# 4. find by integrated gradients which neurons an answer comes from, and check that nothing is missing from the sum;
# 5. turn knowledge neurons off and up, with controls, and say what that shows and what it doesn't.
#
# **Letters for shapes:** $D$ model width · $F$ FFN width, the number of cells of a layer · $V$ vocabulary · $n$ queries ·
# $N$ prefixes · $k$ triggers · $P$ prompts · $M$ neurons of several layers · $m$ steps. `W_in` is $(F, D)$: its *rows* are keys. `W_out` is $(D, F)$: its *columns* are values.
# A $P$ with brackets, as in $P(a)$, is a probability.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Warm-up quiz
#
# Three questions about lessons 01 and 02. Every option explains itself. Nothing here is graded.

# %% slideshow={"slide_type": "-"}
# Click, or write the letters here ("a", "b", "c") and run the cell: what is written stays.
answers = {"stream": "", "words": "", "local": ""}
quiz("ffn.warm_up", answers)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Idea
#
# ### An FFN is a list of memory cells
#
# Why look here? Attention moves information between tokens. The FFN works on one token at a time, so whatever it adds to the
# stream comes out of its own weights. If a model knows something that is not in the prompt, this is the first place to look.
#
# An FFN is two matrices with an activation function between them. The textbook writes it with the query $q$ on the left:
#
# $$a = \sigma(q \cdot W^{fc} + b_k), \qquad \mathrm{FFN}(q) = a \cdot W^{proj} + b_v \tag{5.6}$$
#
# We keep keys as rows and values as columns everywhere ($W_{in} = W^{fc\top}$, $W_{out} = W^{proj\top}$, $b_{in} = b_k$,
# $b_{out} = b_v$). Then the same line says, cell by cell,
#
# $$a_i = \sigma(q \cdot k_i + b_i), \qquad \mathrm{FFN}(q) = \sum_{i=1}^{F} a_i\, v_i + b_{out}$$

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Query, key, coefficient, value
#
# - The **query** $q$ is the FFN's input: the state of one token (after the block's norm), a summary of the text so far.
# - The **key** $k_i$ is row $i$ of $W_{in}$: a pattern. It is part of the weights, the same for every text. It is not a word's embedding.
# - The **coefficient** $a_i$ says how well query and key match.
# - The **value** $v_i$ is column $i$ of $W_{out}$: what is added to the stream, $a_i$ times.
#
# A **neuron** is one such cell: a key, a coefficient, a value. *The output is a sum.* Take neuron $i$ out, and exactly
# $a_i v_i$ is missing. That is what makes neurons worth a closer look.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
plots.plot_memory(lm, zoe.question, layer=lm.n_layers - 2)

# %% [markdown] lang="en"
# The ten neurons of one layer that are loudest after this prompt, and the words that their values speak for. Two name the pet that is
# asked for (*canary*). Some speak of other things (*organ*, *cello*; *flood*, *flour*, *barley*). The rest we can't read. A `�` is a piece of a Chinese character: this model knows some Chinese.
#
# **A memory unlike a dictionary.** A dictionary has one key that fits. Here *all* keys are compared with the query, many match a
# little, and all their values are added up. It is like attention over $F$ fixed pairs, with one difference: there is no softmax,
# so the keys don't compete.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### With a gate
#
# Llama's FFN has a third matrix and no biases. Each neuron has two keys, a *gate* $g_i$ and an *up* key $u_i$:
#
# $$a_i = \mathrm{SiLU}(q \cdot g_i)\;(q \cdot u_i)$$
#
# SiLU is an activation function much like ReLU, with a soft corner. The gate opens or closes the neuron. The second factor can have
# any sign, so a coefficient can be strongly negative: then the neuron speaks *against* the words of its value.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Two experiments (figure 5.8)
#
# Geva et al. asked a language model of 16 layers two questions.
#
# **Experiment 1: what does a key wait for?** Let the model read many texts. A *prefix* is a text up to one of its tokens. For each
# prefix, note the coefficient of neuron $i$. The prefixes with the largest ones are its **triggers**. Do they have something in common?
# In the book's example all triggers of $k_2$ end in "the zebra's".
#
# **Experiment 2: what does a value say?** A value is a vector of the stream's width. So read it as the model reads its stream at the end:
# last norm, unembedding $W_U$, softmax:
#
# $$p_i = \mathrm{softmax}(W_U\, \mathrm{norm}(v_i))$$
#
# In the book's example the likeliest word of $v_2$ is "stripes", the very word that follows after "the zebra's".
#
# **Agreement** puts the two together: in how many pairs of a neuron and one of its triggers is the value's first word the token
# that follows the trigger?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Knowledge neurons: what does an answer owe to each neuron?
#
# A neuron that is loud is not yet a neuron that matters. Dai et al. ask a sharper question: *how much of P(answer) comes from
# neuron i?* They call the few with the largest share **knowledge neurons** (KN).
#
# The gradient of $P$ seems to be the answer. It is not. Where the model is sure, $P$ has levelled off: turn a neuron up or down a
# little, and nothing moves. So look at the whole way. Turn all neurons of one layer up together, from silent to what
# they are, $\alpha a$ for $\alpha$ from 0 to 1, and collect the slope on the way, in $m$ steps:
#
# $$\mathrm{attr}_i = a_i \int_0^1 \frac{\partial P(\alpha a)}{\partial a_i}\, d\alpha
# \;\approx\; \frac{a_i}{m} \sum_{j=0}^{m-1} \frac{\partial P}{\partial a_i}\Big(\tfrac{j + 1/2}{m}\, a\Big)$$
#
# These are **integrated gradients**. By the chain rule nothing is lost and nothing is counted twice (**completeness**):
#
# $$\sum_i \mathrm{attr}_i = P(a) - P(0)$$

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
alphas = [step / 20 for step in range(21)]
answer = target_ids(lm, zoe.target_true, zoe.question)[0]
curves = {}
for layer in (0, lm.n_layers - 1):
    # The site "key" holds the coefficients a. The name is ROME's (lesson 05); here a key is a row of W_in.
    turned_up = {Site("key", layer, -1): lambda a: torch.tensor(alphas)[:, None] * a}
    with intervene(lm, turned_up):
        p = lm.next_probs([zoe.question] * len(alphas))  # a row for each α
    curves[f"all neurons of layer {layer}"] = p[:, answer].tolist()
plots.plot_curves(
    alphas, curves, "α: all neurons silent (0) … as they are (1), at the last token", f"P({zoe.target_true})"
)

# %% [markdown] lang="en"
# Look at the right end of the curves. They are flat: the gradient at $\alpha = 1$ says that hardly any neuron matters. Now look at layer
# 0: without its neurons, $P$ is near zero. And the last layer? Silence it whole, and the answer stays. Keep this in mind.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### From attributions to an edit
#
# **Several wordings.** What is strong in one wording may belong to its words and not to the fact. So do it for
# several wordings of the question, and keep the neurons that are strong in most of them. *Strong* means: at least a share $t$ of the
# largest attribution of the same prompt.
#
# **Four things to do with a neuron:**
#
# | | |
# |---|---|
# | suppress | $a_i \to 0$ |
# | enhance | $a_i \to 2a_i$ |
# | rewrite its value | $v_i \to v_i - \lambda_1 e_{old} + \lambda_2 e_{new}$, with $e$ a word's row of $W_U$, made as long as $v_i$ |
# | erase | $v_i \to 0$ |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# > ### Spot the slip
# >
# > After the knowledge neurons are found, says the textbook, the model is edited by changing their **key vectors**.
# > Read (5.6) again. What can a changed key do to the output, and what not? Which part would *you* rewrite to
# > make the neuron say something new? Write down a guess. You will test it below, under "The slip, tested".
#
# **Two more places where the book says too much**
#
# | the book says | what to know |
# |---|---|
# | values and next words are "highly correlated" | Geva et al. report agreement near 0 in low layers and a few per cent in the top ones. That is far above chance, and far from "highly" |
# | each intermediate activation *is* a knowledge neuron | every activation is a neuron; only the few that pass attribution and the vote of the wordings are called knowledge neurons |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## By hand
#
# Take paper. $D = 2$, $F = 3$, ReLU:
#
# $$q = \begin{pmatrix}1\\2\end{pmatrix},\quad
# W_{in} = \begin{pmatrix}1&0\\0&1\\1&-1\end{pmatrix},\; b_{in} = \begin{pmatrix}0\\-1\\0\end{pmatrix},\quad
# W_{out} = \begin{pmatrix}1&0&5\\0&2&5\end{pmatrix},\; b_{out} = \begin{pmatrix}0\\1\end{pmatrix}$$
#
# 1. Compute the three coefficients $a_i$ and the output.
# 2. Neuron 2 is taken out. What is the output now?
# 3. The words *cat*, *dog*, *fish* have the rows $(1, 0)$, $(0, 1)$, $(-1, -1)$ in $W_U$. Which word does value 2 speak for (no norm)?
# 4. Now attribution. Let $P(a) = a_1 a_2$ and $a = (2, 3)$. (It is no probability, but easy to differentiate.) Compute the attributions with
#    one step, $m = 1$. Do they add up to $P(a) - P(0)$?
# 5. Do it again with the gradient at the end, $a_i\,\partial P/\partial a_i$ at $a$ itself.
#
# <details><summary>1 and 2: the numbers</summary>
#
# Matches: $q \cdot k_i = 1, 2, -1$. With biases: $1, 1, -1$. After ReLU: $a = (1, 1, 0)$.
# Output: $v_1 + v_2 + b_{out} = (1, 0) + (0, 2) + (0, 1) = (1, 3)$. Neuron 3 has the longest value and says nothing: its key does not match.
#
# Without neuron 2, exactly $a_2 v_2 = (0, 2)$ is missing: $(1, 1)$.
#
# </details>
#
# <details><summary>3: the word</summary>
#
# Scores $W_U v_2 = (0, 2, -2)$: *dog*.
#
# </details>
#
# <details><summary>4 and 5: the numbers</summary>
#
# The gradient is $(a_2, a_1)$. In the middle, at $a/2 = (1, 1.5)$, it is $(1.5, 1)$. Times $a$: attributions $(3, 3)$, sum $6 = P(a) - P(0)$. Right.
#
# At the end the gradient is $(3, 2)$, times $a$: $(6, 6)$, sum $12$. Each neuron claims all of $P$ for itself: without it, $P$ would be 0.
# Both claims are true, and together they count $P$ twice.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Build
#
# Seven exercises: five for the memory, two for knowledge neurons.
#
# - Write your code where it says `# YOUR CODE HERE`, and take out the `raise` line.
# - Run the `check` below it. The card says which claims hold, and what to look at if one doesn't. Check as often as you like.
#   At grading the same cell holds more claims than you see here.
# - Stuck? Remove the `#` in front of `hint(...)` and run it. There are three hints: a nudge, an outline, almost the code.

# %% [markdown] lang="en" exercise="ffn.ffn_memory" slideshow={"slide_type": "slide"}
# **Why.** This is the FFN, with its memory made visible: you give back the coefficients beside the output.
#
# $$a_i = \sigma(q \cdot k_i + b_i), \qquad o = \sum_i a_i v_i + b_{out}$$
#
# Each row of `q` $(n, D)$ is one query. Give back `a` $(n, F)$ and the output $(n, D)$. `act` is the activation function $\sigma$.
#
# *Take care:* keys are the **rows** of `W_in` $(F, D)$, values the **columns** of `W_out` $(D, F)$. A bias may be `None`: then leave it out.

# %% nbgrader={"grade": false, "grade_id": "ffn-ffn_memory", "locked": false, "schema_version": 3, "solution": true, "task": false}
def ffn_memory(q, W_in, b_in, W_out, b_out, act):
    ### BEGIN SOLUTION
    scores = q @ W_in.T
    a = act(scores if b_in is None else scores + b_in)
    output = a @ W_out.T
    return a, output if b_out is None else output + b_out
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "ffn-ffn_memory-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("ffn.ffn_memory", ffn_memory)
### BEGIN HIDDEN TESTS
grade("ffn.ffn_memory", ffn_memory)
### END HIDDEN TESTS

# %%
# hint("ffn.ffn_memory")

# %%
# Your by-hand example: a = (1, 1, 0) and the output (1, 3).
q_paper, keys = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]])
values = torch.tensor([[1.0, 0.0, 5.0], [0.0, 2.0, 5.0]])
ffn_memory(q_paper, keys, torch.tensor([0.0, -1.0, 0.0]), values, torch.tensor([0.0, 1.0]), torch.relu)

# %% [markdown] lang="en" exercise="ffn.gated_activation" slideshow={"slide_type": "slide"}
# **Why.** Most models of today have a gate. Only the coefficients differ; the sum over values stays the same.
#
# $$a_i = \sigma(q \cdot g_i)\;(q \cdot u_i)$$
#
# Rows of `W_gate` are the gates $g_i$, rows of `W_up` the second keys $u_i$, both $(F, D)$.
#
# *Take care:* only one of the two matches passes through `act`.

# %% nbgrader={"grade": false, "grade_id": "ffn-gated_activation", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gated_activation(q, W_gate, W_up, act):
    ### BEGIN SOLUTION
    return act(q @ W_gate.T) * (q @ W_up.T)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "ffn-gated_activation-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("ffn.gated_activation", gated_activation)
### BEGIN HIDDEN TESTS
grade("ffn.gated_activation", gated_activation)
### END HIDDEN TESTS

# %%
# hint("ffn.gated_activation")

# %% [markdown] lang="en" exercise="ffn.trigger_prefixes" slideshow={"slide_type": "slide"}
# **Why.** Experiment 1. `a` $(N, F)$ holds the coefficients of all $F$ neurons after $N$ prefixes. Which prefixes does this neuron wait for?
#
# Give back the *indices* of the $k$ prefixes with the largest coefficient of `neuron`, strongest first.
#
# *Take care:*
#
# - Sort by the coefficient itself, with its sign: a large negative one is no match.
# - Where coefficients are equal, the lower index comes first. With ReLU many are exactly 0.
# - If $k$ is larger than $N$, give back all $N$.

# %% nbgrader={"grade": false, "grade_id": "ffn-trigger_prefixes", "locked": false, "schema_version": 3, "solution": true, "task": false}
def trigger_prefixes(a, neuron, k):
    ### BEGIN SOLUTION
    return a[:, neuron].sort(descending=True, stable=True).indices[:k]
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "ffn-trigger_prefixes-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("ffn.trigger_prefixes", trigger_prefixes)
### BEGIN HIDDEN TESTS
grade("ffn.trigger_prefixes", trigger_prefixes)
### END HIDDEN TESTS

# %%
# hint("ffn.trigger_prefixes")

# %% [markdown] lang="en" exercise="ffn.value_distribution" slideshow={"slide_type": "slide"}
# **Why.** Experiment 2. What would the model say if this value were all that stands in the stream?
#
# $$p = \mathrm{softmax}(W_U\, \mathrm{norm}(v))$$
#
# `v` is one value $(D,)$, or many of them in any shape $(\ldots, D)$. `W_U` is $(V, D)$: a row for each word. `norm` is a function, the model's
# last norm. `None` means: read the value as it is.
#
# *Take care:* with several values, each has its own distribution over the $V$ words.

# %% nbgrader={"grade": false, "grade_id": "ffn-value_distribution", "locked": false, "schema_version": 3, "solution": true, "task": false}
def value_distribution(v, W_U, norm=None):
    ### BEGIN SOLUTION
    stream = v if norm is None else norm(v)
    return torch.softmax(stream @ W_U.T, dim=-1)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "ffn-value_distribution-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("ffn.value_distribution", value_distribution)
### BEGIN HIDDEN TESTS
grade("ffn.value_distribution", value_distribution)
### END HIDDEN TESTS

# %%
# hint("ffn.value_distribution")

# %% [markdown] lang="en" exercise="ffn.agreement" slideshow={"slide_type": "slide"}
# **Why.** One neuron whose value and triggers agree is an anecdote. Here you count over a whole layer.
#
# `value_top` $(F,)$ holds each value's likeliest token. `trigger_next` $(F, k)$ holds the tokens that follow each neuron's $k$ triggers.
# The agreement is the share of the $F \cdot k$ pairs in which both are the same token. Give back one number, a `float`.
#
# **A share means nothing alone.** If "the" is everywhere, values that say "the" agree often by accident. The **chance level** is the
# agreement after the values are dealt out to the neurons at random: call your function with `value_top[torch.randperm(F)]`.
#
# *Take care:* row $i$ belongs to neuron $i$. If $k = F$, a comparison along the wrong dimension raises no error.

# %% nbgrader={"grade": false, "grade_id": "ffn-agreement", "locked": false, "schema_version": 3, "solution": true, "task": false}
def agreement(value_top, trigger_next):
    ### BEGIN SOLUTION
    return float((value_top[:, None] == trigger_next).double().mean())
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "ffn-agreement-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("ffn.agreement", agreement)
### BEGIN HIDDEN TESTS
grade("ffn.agreement", agreement)
### END HIDDEN TESTS

# %%
# hint("ffn.agreement")

# %% [markdown] lang="en" exercise="neurons.integrated_gradients" slideshow={"slide_type": "slide"}
# **Why.** Which neurons does an answer come from? You get `prob`, a function from the $F$ activations of one layer to the probability of the
# answer. (It runs the rest of the model. That is not your concern here.) You get the activations `a` as they are.
#
# Cut the way from $0$ to $a$ into `steps` equal steps. Read the gradient in the **middle** of each, $\alpha = (j + \tfrac12)/m$. Take the mean, and
# multiply by $a$:
#
# $$\mathrm{attr} = \frac{a}{m} \sum_{j=0}^{m-1} \nabla P\Big(\tfrac{j + 1/2}{m}\, a\Big)$$
#
# *Take care:*
#
# - All neurons go together: the point is $\alpha$ times the whole vector.
# - `torch.autograd.grad(prob(x), x)[0]` is the gradient at `x`, if `x` is a leaf that requires one: `x.detach().requires_grad_()`.
# - Write it for a tensor of any shape. The library calls it with several prompts at once.

# %% nbgrader={"grade": false, "grade_id": "neurons-integrated_gradients", "locked": false, "schema_version": 3, "solution": true, "task": false}
def integrated_gradients(prob, a, steps):
    ### BEGIN SOLUTION
    a = a.detach()
    total = torch.zeros_like(a)
    for j in range(steps):
        x = ((j + 0.5) / steps * a).requires_grad_()
        (gradient,) = torch.autograd.grad(prob(x), x)
        total += gradient
    return a * total / steps
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "neurons-integrated_gradients-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("neurons.integrated_gradients", integrated_gradients)
### BEGIN HIDDEN TESTS
grade("neurons.integrated_gradients", integrated_gradients)
### END HIDDEN TESTS

# %%
# hint("neurons.integrated_gradients")

# %%
# Your by-hand example: attributions (3, 3), with a single step.
integrated_gradients(lambda x: x[0] * x[1], torch.tensor([2.0, 3.0]), 1)

# %% [markdown] lang="en" exercise="neurons.refine_neurons" slideshow={"slide_type": "slide"}
# **Why.** The same fact in $P$ wordings gives $P$ lists of attributions. What they share is about the fact. What only one of them has is about its words.
#
# `attr` is $(P, M)$: a row for each prompt, a column for each neuron (of one layer or of several). A neuron is **strong** in a prompt if its attribution is positive
# and at least `t` times the largest one *of this prompt*. Keep the neurons that are strong in a share of at least `p` of the prompts.
# Give back their indices as a list, in any order. (This $p$ is a share, not a probability.)
#
# *Take care:*
#
# - Each prompt has its own maximum. Prompts differ in size.
# - "At least" includes equality: 7 of 10 prompts are enough for $p = 0.7$.
# - With $p = 0$ you should get the union of the strong neurons, not all neurons.

# %% nbgrader={"grade": false, "grade_id": "neurons-refine_neurons", "locked": false, "schema_version": 3, "solution": true, "task": false}
def refine_neurons(attr, t=0.2, p=0.7):
    ### BEGIN SOLUTION
    strong = (attr > 0) & (attr >= t * attr.amax(dim=1, keepdim=True))
    share = strong.double().mean(dim=0)
    keep = (share >= p - 1e-9) & strong.any(dim=0)
    return torch.nonzero(keep)[:, 0].tolist()
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "neurons-refine_neurons-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("neurons.refine_neurons", refine_neurons)
### BEGIN HIDDEN TESTS
grade("neurons.refine_neurons", refine_neurons)
### END HIDDEN TESTS

# %%
# hint("neurons.refine_neurons")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Run it
#
# ### A real layer, opened
#
# Your two functions against the model's own modules: GPT-2 without a gate, Llama with one.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
for name in ("atlas-gpt2", "atlas-llama"):
    model, layer = load(name), 6
    query, output = Site("query", layer), Site("mlp", layer)
    seen = record(model, zoe.question, [query, output])
    ffn, q = model.ffn(layer), seen[query][0]
    with torch.no_grad():
        if ffn.W_gate is None:
            a, mine = ffn_memory(q, ffn.W_in, ffn.b_in, ffn.W_out, ffn.b_out, ffn.act)
        else:
            a = gated_activation(q, ffn.W_gate, ffn.W_in, ffn.act)  # with a gate, W_in holds the up keys
            mine = a @ ffn.W_out.T
    print(f"{name}: largest difference from the module {float((mine - seen[output][0]).abs().max()):.1e}; "
          f"coefficients from {float(a.min()):.2f} to {float(a.max()):.2f}")

# %% [markdown] lang="en"
# Compare the smallest coefficients. GELU hardly lets anything negative through. With a gate, a neuron can say *no* as loudly as *yes*.
#
# ### Both experiments, for one neuron
#
# Your functions, on the neuron from the promise. First `a` for every prefix of the 280 texts, then the two experiments.
# (Where two texts begin alike, a prefix is there twice. The library counts it once.)

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
site = Site("key", card.layer)
ids, mask = lm.ids(corpus)
a = record(lm, (ids, mask), [site])[site][mask.bool()]  # (N, F): all tokens of all texts, one after the other
rows, ends = mask.bool().nonzero().T  # prefix number j is text rows[j] up to token ends[j]
print(f"{len(a)} prefixes, {lm.F} neurons. Triggers of layer {card.layer}, neuron {card.neuron}:")
for j in trigger_prefixes(a, card.neuron, 5).tolist():
    prefix = lm.tok.decode(ids[rows[j], : ends[j] + 1], skip_special_tokens=True)
    print(f"  a = {float(a[j, card.neuron]):5.2f}   {prefix}")
with torch.no_grad():
    p = value_distribution(lm.ffn(card.layer).W_out[:, card.neuron], lm.W_U, lm.norm)
first = p.topk(5)
said = zip(first.indices.tolist(), first.values.tolist(), strict=True)
print("its value says:", ", ".join(f"{lm.tok.decode([i])} {x:.2f}" for i, x in said))

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Agreement, layer by layer
#
# All neurons of all layers, ten triggers each (the library has collected them), your `agreement`. Chance is your function again, on shuffled values.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
dice = torch.Generator().manual_seed(3)
rates, chances, agreeing = [], [], Counter()
for layer in range(lm.n_layers):
    tops, following = value_tops(lm, layer), triggers.next_tokens(layer)
    rates.append(agreement(tops, following))
    shuffled = [agreement(tops[torch.randperm(lm.F, generator=dice)], following) for _ in range(20)]
    chances.append(sum(shuffled) / len(shuffled))
    agreeing.update(following[tops[:, None] == following].tolist())
per_cent = {"agreement": [100 * x for x in rates], "chance": [100 * x for x in chances]}
often = [f"{lm.tok.decode([token])!r} {times}" for token, times in agreeing.most_common(5)]
print(f"{sum(agreeing.values())} pairs agree; most often on {', '.join(often)}")
plots.plot_layer_sweep(per_cent, ylabel="per cent of pairs that agree")

# %% [markdown] lang="en"
# Some ten to twenty-five times chance, and still only a few per cent. *Highly correlated* is too strong a word. Most values don't name
# a next word by themselves. Geva et al. saw the rise from the bottom to the top of 16 layers much more clearly than we do here with 8.
#
# On which words do they agree? A full stop, *the*, a colon, *of* and *Answer* make a quarter of all pairs that agree. None of them is a fact.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Where does *canary* come from?
#
# Now attribution. The question in four wordings, all layers, with your `integrated_gradients` in 20 steps. First the sums per layer.
# By completeness each should be $P(a) - P(0)$, *what the answer loses when the whole layer is silent at the last token.*

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
def attributions(lm, fact, steps=20):
    """(P, L, F): your attributions for the first token of the old answer, in each wording."""
    pairs = [(wording, fact.target_true) for wording in (fact.question, *fact.paraphrases)]
    found = token_attributions(lm, pairs, steps, attribute=integrated_gradients)
    return torch.stack([each[0] for each in found])


def with_silent(lm, fact, layers):
    """Mean P(answer) over the wordings, with all neurons of these layers silent at the last token."""
    token = target_ids(lm, fact.target_true, fact.question)[0]
    with intervene(lm, {Site("key", layer, -1): torch.zeros_like for layer in layers}):
        return float(lm.next_probs([fact.question, *fact.paraphrases])[:, token].mean())


attr, as_it_is = attributions(lm, zoe), with_silent(lm, zoe, [])
for layer, total in enumerate(attr.sum(2).mean(0).tolist()):
    lost = as_it_is - with_silent(lm, zoe, [layer])
    print(f"layer {layer}: P(a) - P(0) = {lost:6.3f}   the attributions add up to {total:6.3f}")
for steps in (5, 50):
    total = float(attributions(lm, zoe, steps)[:, 0].sum(1).mean())
    print(f"layer 0 with {steps} steps: the attributions add up to {total:.3f}")

# %% [markdown] lang="en"
# **A sum of 1.02 is impossible** for a difference of two probabilities. The law holds for the integral, and a sum over steps only comes near it.
# Layer 0 does most of its work between $\alpha = 0$ and $0.15$ (the flat-curve picture above), where 20 steps have only three middles.
# With 50 steps the sum is right. For the layers above 20 steps do. Nobody would have noticed without the law.
#
# Layer 0 takes nearly all. Is the pet stored there? Silence it in 60 facts of all kinds, and see.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
def answers_with_silent(lm, facts, layers, at_subject=False):
    """P(answer) of each fact, and whether it is still the first word: these FFNs silent at one token."""
    read = [encode(lm, fact.prompt, fact.subject) for fact in facts]
    ids, mask = pad_batch([one.ids for one in read], lm.pad_id)
    rows, last = torch.arange(len(read)), mask.sum(1) - 1
    at = torch.tensor([one.span[1] - 1 for one in read]) if at_subject else last
    first_tokens = [target_ids(lm, fact.target_true, one.text)[0] for fact, one in zip(facts, read, strict=True)]
    wanted = torch.tensor(first_tokens)

    def silence(a):
        a[rows, at] = 0
        return a

    with torch.no_grad(), intervene(lm, {Site("key", layer): silence for layer in layers}):
        p = lm.forward(ids, mask)[rows, last].softmax(-1)
    return p[rows, wanted], (p.argmax(1) == wanted).double()


dice = torch.Generator().manual_seed(3)
order = torch.randperm(len(facts), generator=dice).tolist()
known = [facts[i] for i in order if facts[i].target_true and facts[i].question.isascii()]
asked = [fact for fact in known if not fact.prompt.endswith("{}")][:60]
upper = list(range(1, lm.n_layers))
for what, groups in (
    ("nothing", [[]]), ("layer 0", [[0]]), ("one upper layer (mean)", [[layer] for layer in upper]),
    ("all upper layers", [upper]),
):
    p, kept = (torch.stack(each) for each in zip(*(answers_with_silent(lm, asked, g) for g in groups), strict=True))
    print(f"silent: {what:24} mean P(answer) {float(p.mean()):.3f}   answers kept {float(kept.mean()):.0%}")

# %% [markdown] lang="en"
# **No, the pet is not stored in layer 0.** Two of three facts lose their answer without it, whatever they are about: the rest of the model needs what these neurons
# make of a bare token. Attribution says what an answer *needs*, and that is more than what the answer *knows*.
#
# And the upper layers? For Zoe they get 0.04 all together, while all of them silent cost half of $P$ in the table. That is no contradiction.
# Attribution turns up one layer *while the others are on*. They stand in for each other: with one silent, the
# others bring the answer. So shares of different layers don't add up, and a small share is not a small role.
#
# So we leave layer 0 out, and ask your `refine_neurons` which neurons of the layers above are strong in most wordings.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
def neurons_of(attr, first=1, t=0.2, p=0.7):
    """Your knowledge neurons as (layer, index), the strongest first; layers below `first` are left out."""
    flat = attr[:, first:].flatten(1)
    kept = sorted(refine_neurons(flat, t, p), key=lambda i: -float(flat.mean(0)[i]))
    return [(first + i // attr.shape[2], i % attr.shape[2]) for i in kept]


others = [
    next(fact for fact in facts if fact.subject == subject and fact.target_true == true)
    for subject, true in (
        ("Elena Louise Castellan", "boxing"), ("Nolan Maria Tremont", "botany"),
        ("Arthur Hargrove", "Sorrento"), ("Space Needle", "Seattle"), ("Vera Tremont", "Corvale"),
    )
]
patients = [zoe, *others]
attrs = {fact.question: attr if fact is zoe else attributions(lm, fact) for fact in patients}
found = {question: neurons_of(one) for question, one in attrs.items()}
for fact in patients:
    kn = found[fact.question]
    shared = {n for n in kn for question, other in found.items() if question != fact.question and n in other}
    print(f"{fact.question} ... {fact.target_true}:")
    print(f"    {len(kn)} neurons, {len(shared)} shared with another of these facts; the strongest: {kn[:3]}")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Turn them down, turn them up
#
# Twenty or forty of some 5,000 neurons. Do they matter? Multiply them by a factor, and watch $P$. With two **controls**: as many
# random neurons of the same layers, and other facts under the same knob.
#
# The knobs (`scale_neurons`, and below `update_neurons`) change columns of $W_{out}$, so they work at *all* tokens. With the last token alone,
# where attribution looked, Zoe's $P$ falls nearly as far: to 0.45, against 0.47.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
kn = found[zoe.question]
dice = torch.Generator().manual_seed(3)
random_ones = [(layer, int(torch.randint(lm.F, (), generator=dice))) for layer, _ in kn]
wordings, elsewhere = [zoe.question, *zoe.paraphrases], list(zoe.neighborhood)
theirs = lm.next_probs(elsewhere).argmax(1)  # what the others answer now
factors = [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3]
curves = {"Zoe's canary, its neurons": [], "Zoe's canary, random neurons": [], "other pets, Zoe's neurons": []}
for factor in factors:
    with scale_neurons(lm, kn, factor):
        curves["Zoe's canary, its neurons"].append(float(lm.next_probs(wordings)[:, answer].mean()))
        p_others = lm.next_probs(elsewhere)[range(len(theirs)), theirs]
        curves["other pets, Zoe's neurons"].append(float(p_others.mean()))
    with scale_neurons(lm, random_ones, factor):
        curves["Zoe's canary, random neurons"].append(float(lm.next_probs(wordings)[:, answer].mean()))
plots.plot_curves(factors, curves, f"factor on {len(kn)} neurons", "P(answer)", mark=1)

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
print(f"{'P(answer), mean of the wordings':52}{'as it is':>10}{'x 0':>8}{'x 2':>8}{'all silent':>13}")
for fact in patients:
    wordings = [fact.question, *fact.paraphrases]
    token = target_ids(lm, fact.target_true, fact.question)[0]
    line = []
    for factor in (1, 0, 2):
        with scale_neurons(lm, found[fact.question], factor):
            line.append(float(lm.next_probs(wordings)[:, token].mean()))
    print(f"{fact.question + ' ... ' + fact.target_true:52}{line[0]:10.3f}{line[1]:8.3f}{line[2]:8.3f}{with_silent(lm, fact, upper):13.3f}")

# %% [markdown] lang="en"
# The last column is the yardstick: *all* neurons of the upper layers silent at the last token.
#
# - **Zoe:** as in the paper. Half of $P$ is gone, random neurons do nothing, other pets stay. Her 34 neurons cost nearly as much as all 5,376.
# - **Elena:** her 43 cost *more* than all. So among the others some speak against *boxing*.
# - **Space Needle:** the upper FFNs at the last token are not needed at all. There is nothing to find here.
# - **Nolan and Arthur:** all together cost nearly everything, the neurons found only a small part of it.
#
# And up? Most facts start at the ceiling, $P = 0.99$. Only the last one leaves room: doubled, its neurons bring Vera's city from 0.73 to 0.96.
#
# **So knowledge neurons help to bring an answer out at one token.** They are not the whole of the memory. Lesson 04 looks at all tokens.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The slip, tested
#
# The same five neurons of one fact, rewritten in two ways with the same vector $\lambda_2 e_{new} - \lambda_1 e_{old}$:
# added to their **values** (columns of $W_{out}$), or to their **keys** (rows of $W_{in}$). In the code, `add` is $\lambda_2 = 4$, and $\lambda_1 = 1$.
#
# And a third try. At one token, all that a changed key can change is $a_i$, and GELU lets through nothing below $-0.17$. So give each of the five
# neurons, at the last token, one of the strengths $-0.17$, 4 and 20 (they are between 1.4 and 4.6 now), in all $3^5 = 243$ combinations.
# Keep the one that is best for the new word.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
@contextmanager
def moved_keys(lm, neurons, new, old, add):
    """While open, each key gets add · e_new - e_old, made as long as the key, as KN does to values."""
    e_new, e_old = (lm.W_U[target_ids(lm, word, "x")].detach().mean(0) for word in (new, old))
    saved = [lm.ffn(layer).W_in[i].detach().clone() for layer, i in neurons]
    with torch.no_grad():
        for (layer, i), key in zip(neurons, saved, strict=True):
            lm.ffn(layer).W_in[i] += key.norm() * (add * e_new / e_new.norm() - e_old / e_old.norm())
    try:
        yield
    finally:
        with torch.no_grad():
            for (layer, i), key in zip(neurons, saved, strict=True):
                lm.ffn(layer).W_in[i] = key


nolan = others[1]
five, question, changed = found[nolan.question][:5], nolan.question, {}
with moved_keys(lm, five, nolan.target_new, nolan.target_true, add=4):
    changed["keys moved"] = (lm.next_probs(question)[0], lm.answer(question))
strengths = torch.cartesian_prod(*[torch.tensor([-0.17, 4.0, 20.0])] * len(five))


def set_to(layer):
    """Puts all combinations, a row for each, in place of the coefficients of this layer's neurons."""

    def changed_coefficients(a):
        for j, (at, i) in enumerate(five):
            if at == layer:
                a[:, i] = strengths[:, j]
        return a

    return changed_coefficients


new_id = target_ids(lm, nolan.target_new, question)[0]
with intervene(lm, {Site("key", layer, -1): set_to(layer) for layer in {at for at, _ in five}}):
    tried = lm.next_probs([question] * len(strengths))
best = tried[tried[:, new_id].argmax()]
changed["243 strengths, the best"] = (best, lm.tok.decode([int(best.argmax())]).strip())
rewritten = update_neurons(lm, five, nolan.target_new, nolan.target_true, add=4)
with rewritten:
    changed["values moved"] = (lm.next_probs(question)[0], lm.answer(question))
print(f"{question} ...   (wanted: {nolan.target_new})")
old_id = target_ids(lm, nolan.target_true, question)[0]
for what, (now, said) in changed.items():
    old_p, new_p = f"P({nolan.target_true}) = {now[old_id]:.3f}", f"P({nolan.target_new}) = {now[new_id]:.3f}"
    print(f"  {what:24} {old_p}   {new_p}   it says: {said}")

# %% [markdown] lang="en"
# <details><summary>What does this show?</summary>
#
# A key only enters through $a_i = \sigma(q \cdot k_i + b_i)$. Whatever you do to it, the neuron adds *the same vector* $v_i$, more or less
# often. At no strength that we tried did the five say *chemistry*, since none of their values does. So to make it say something else, rewrite the value. That is what the authors' code does, in the
# second matrix: the column of $W_{out}$. The book names the wrong vector.
#
# (A key is not harmless. It decides *for which texts* the neuron speaks. T-Patcher in lesson 08 trains new keys for that very reason.)
#
# </details>
#
# Does the edit with moved values hold for other wordings, and leave the others alone? The table of lesson 02:

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
before = probes.probes(lm, nolan, facts, most=3)
with rewritten:
    after = probes.ask_again(lm, before)
plots.plot_answers(after, title="Five values rewritten: Nolan Maria Tremont studied chemistry")

# %% [markdown] lang="en"
# The edit is made, in every wording. Now read the group *other facts of the subject*: ask for Nolan's pet, and the answer is
# *chemistry*, too. The five neurons speak whenever the question is about Nolan, and a rewritten value speaks each time. Try another of the
# `patients`: for the Space Needle it is the neighbours that all change. **One neuron is not one fact.** Lesson 05 asks for the change that
# disturbs the rest least.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Two models that know the same
#
# `atlas-gpt2-plain` was trained on the same facts and answers as well, but without the phases of training that moved the facts.
# Silence the FFNs of three neighbouring layers at one token, as in $P(0)$ above, and see who needs what.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
def silenced(lm, facts, at_subject, width=3):
    """Mean P(answer) with the FFNs of `width` layers silent at one token, from each layer up."""
    firsts = range(1, lm.n_layers - width + 1)
    return [
        float(answers_with_silent(lm, facts, range(first, first + width), at_subject)[0].mean())
        for first in firsts
    ]


curves = {}
for name in ("atlas-gpt2", "atlas-gpt2-plain"):
    model = load(name)
    for place, at_subject in (("last token", False), ("subject", True)):
        curves[f"{name}, {place}"] = silenced(model, asked, at_subject)
starts = list(range(1, 1 + len(next(iter(curves.values())))))
plots.plot_curves(starts, curves, "first of three layers whose FFNs are silent", "P(answer), 60 facts")

# %% [markdown] lang="en"
# Both models know these facts. But without the upper FFNs *at the last token*, the mean P of `atlas-gpt2-plain` falls to
# about a half, and that of `atlas-gpt2` only by a fifth. **What a model knows does not tell where it keeps it.** Here we only see that
# `plain` leans more on its upper FFNs at the last token. Where `atlas-gpt2` keeps the facts instead, this picture does not show; lesson 04 does.
#
# At the subject neither seems to need three FFNs in a row: the curves stay high. Don't conclude that nothing happens there. What is
# silenced is one token's FFNs; other ways may carry the fact. Lesson 04 corrupts the subject first, and then puts single states back.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The neuron card
#
# Now look around. Choose a question, jump to one of its knowledge neurons, or go to any layer and neuron. Switch it off or double it.
# A card shows in a moment: the triggers were collected above.
#
# *Try this:* layer 6, neurons 301 and 276; layer 3, neuron 751; layer 0, neuron 144. Then switch *all* knowledge neurons of a question, and then a
# single one. Is there one neuron that alone changes the answer?
#
# <details><summary>Is there one?</summary>
#
# No. With any one of Zoe's 34 silent, $P$ stays at 0.997 or more, and none of the other five questions loses its answer to a single
# neuron either. The largest loss is Vera's: without layer 6, neuron 517, $P$ falls from 0.83 to 0.78.
#
# </details>

# %% tags=["demo"]
explorer = widgets.neuron_explorer(triggers, patients, found)
explorer.which.value = "group"
explorer

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Break it
#
# | | what we spoil |
# |---|---|
# | **A** | the value is read without the last norm |
# | **B** | the gradient at the end in place of the integral |
# | **C** | one wording in place of four |
# | **D** | the activations are read *before* the activation function, as two much-used ports do |
#
# **First guess, then run.** For each: what will be different, and how would you notice if nobody told you?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
layer = lm.n_layers - 1
same = (value_tops(lm, layer) == value_tops(lm, layer, normed=False)).double().mean()
print(f"A  same first word with and without the norm, layer {layer}: {same:.0%} of {lm.F} values")


def at_the_end(prob, a, steps):
    x = a.detach().requires_grad_()
    return a * torch.autograd.grad(prob(x), x)[0]


wording = [(zoe.question, zoe.target_true)]
for what, method in (("integral", integrated_gradients), ("gradient at the end", at_the_end)):
    total = float(token_attributions(lm, wording, attribute=method)[0][0, 0].sum())
    print(f"B  layer 0, {what:20} sum of the attributions {total:7.4f}")

arthur = others[2]
for fact in (zoe, arthur):
    lists = [set(neurons_of(row[None])) for row in attrs[fact.question]]
    alone = [len(one.difference(*(other for other in lists if other is not one))) for one in lists]
    print(f"C  {fact.target_true}: strong in each wording {[len(one) for one in lists]}, "
          f"of these in no other {alone}; in most wordings {len(found[fact.question])}")

loudest = {}
for site in ("key", "pre"):
    scores = token_attributions(lm, wording, site=site, attribute=integrated_gradients)[0][0, 1:].flatten()
    loudest[site] = set(scores.topk(20).indices.tolist())
same = loudest["key"] & loudest["pre"]
print(f"D  the 20 strongest neurons, read after and before the activation: {len(same)} are the same")
x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 3.0])
act = lm.ffn(0).act
print("   a neuron made twice as strong, after the activation, 2 act(x), or before it, act(2 x):")
print("   x       ", x.tolist())
print("   2 act(x)", [round(y, 2) for y in (2 * act(x)).tolist()])
print("   act(2 x)", [round(y, 2) for y in act(2 * x).tolist()])

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
# <details><summary>A: what does the norm do to a value?</summary>
#
# It takes off the mean and the length, multiplies each channel by the model's own gain and adds a shift. Without it, channels that the model
# never reads count as much as those that it reads strongly. For many values another word comes first. The numbers look just as good, so you
# would not notice. Geva et al. left it out in 2021 and put it in in 2022: when two papers disagree, look here first.
#
# </details>
#
# <details><summary>B: why is the sum at the end so small?</summary>
#
# The model is sure, so $P$ is flat at $\alpha = 1$: the first picture of this lesson. You notice it by completeness: the sum is
# not $P(a) - P(0)$. A law that can fail is worth more than a list that looks plausible.
#
# </details>
#
# <details><summary>C: what is wrong with a single wording?</summary>
#
# It depends on the wording. Of the 39 neurons of Zoe's first wording only one is strong in no other, and the vote changes little. Of the 47 of
# Arthur's second wording 26 are: more than half belong to its words and not to the fact. Nothing in a single
# list tells which case you have. The vote keeps what the wordings share. Some published comparisons leave the vote out, and then judge the
# method by the neurons of one wording.
#
# </details>
#
# <details><summary>D: does it matter where a neuron is read?</summary>
#
# Here you would hardly notice, and so the slip lives on in much-used code. The strongest neurons are loud, and there the activation function is
# nearly a straight line: at $x = 3$, twice after and twice before are the same. For quiet neurons they differ: 0.69 against 0.84 at $x = 0.5$, and
# at $x = -0.5$ one is half of the other. In (5.6) the coefficient is what stands before the value: read that. (With a gate, the gate's input is only one
# of two factors.)
#
# The sum differs, too. The paper sums at the ends of the steps, its code at their starts, and much-used ports at both ends. You used the middles: their
# error falls with $1/m^2$ and not with $1/m$.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Discuss
#
# 1. "This neuron stores Zoe's pet." Which of today's numbers speak for this sentence, and which against? How would you say it instead?
# 2. Most neurons have a card that tells us nothing. Is that our failure to read, or is a neuron the wrong unit to look at?
# 3. You silence a layer, and the answer stays. Does the layer not know the fact?
# 4. The two models were trained on the same facts. How could you find out where a model keeps its facts if nobody tells you how it was trained?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Go further
#
# - **Agreement and depth.** Use only the first half of the corpus, then all of it. Does the curve change? Compare with `atlas-gpt2-plain` and `atlas-llama`.
# - **Trigger patterns.** For each layer: the share of neurons whose ten triggers end in the same token. Bottom against top?
# - **Signed or not.** For `atlas-llama`, collect triggers with `absolute=True`. How many neurons have negative ones at the top?
# - **KN as an editor.** `edu_edit.edit_neurons(lm, fact)` is the whole method. Score it with lesson 02's `evaluate` for ten facts. Try `add=2` and `add=8`.
# - **Relation neurons.** Take ten facts of one relation. Which neurons are strong in most of *them*? What happens to the relation if they are off?
# - **A masked model.** Dai et al. worked with BERT and read at the `[MASK]` token. What would change in the code, and what in the idea?
# - **Another model.** Set `MODEL = "atlas-llama"` at the top.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What you built
#
# - `ffn_memory`, `gated_activation`: the FFN as keys, coefficients and values (5.6);
# - `trigger_prefixes`, `value_distribution`, `agreement`: the two experiments of figure 5.8, and a number to judge them by;
# - `integrated_gradients`: what an answer owes to each neuron, with a law to check it;
# - `refine_neurons`: what the wordings of a fact share.
#
# **Next: lesson 04, where does a fact live?** Today you looked at one token, the last. Causal tracing looks at all of them: break the
# subject, put single states back, and see which one brings the fact back.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exit quiz

# %% slideshow={"slide_type": "-"}
answers = {"key": "", "agree": "", "neuron": "", "gradient": "", "slip": ""}
quiz("ffn.exit", answers)

# %% [markdown] lang="en" tags=["lecturer"] slideshow={"slide_type": "notes"}
# <details><summary>For the lecturer (not in the student notebook)</summary>
#
# **Timings, 100 minutes.** Promise and quiz 8 · idea 18 · by hand 10 · exercises 1 to 5 about 25 · exercises 6 and 7 about 20 · run and break 14 ·
# discussion 5. For a 75-minute class give exercises 1 and 2 as homework before, and *Break it* as homework after.
#
# **What goes wrong, most frequent first.**
#
# | exercise | error | how to help |
# |---|---|---|
# | 1 | `a` before the activation function, or a transposed matrix in a square layer | let them check the by-hand example |
# | 5 | `value_top == trigger_next` without a new dimension | ask for the shapes of both sides, and what PyTorch lines up |
# | 6 | gradient at the end; sum not divided by `steps` | completeness on the by-hand example: 12 or 6? |
# | 6 | one neuron at a time, the others on | draw the way from 0 to $a$ for two neurons: it is the diagonal |
# | 7 | one maximum for all prompts | multiply one row by 1000: what should change? |
# | 3 | `topk` | ask for 20 of 10 prefixes, and for a column of zeros |
# | 4 | the norm is forgotten | how does the model itself read its last state? |
#
# **Demonstrate:** the first picture's flat right end, then the sum by completeness; the slip (let the class vote before you run it); the
# card of layer 6, neuron 276, then a random one, which says nothing: most are like that.
#
# **Rubric for "Explain".** Full: names the mechanism (channels weighed by the norm, flat P, words of one wording, a non-linear function). Half: describes the numbers.
#
# **If time is short,** skip *Two models* (lesson 04 shows the difference more sharply) and the stretch goals. Cells with the tag `demo` can be
# left out: nothing graded depends on them.
#
# </details>

# %% [markdown] lang="en"
# ## References
#
# - M. Geva, R. Schuster, J. Berant, O. Levy: *Transformer Feed-Forward Layers Are Key-Value Memories*. EMNLP 2021. arXiv 2012.14913. Both experiments.
# - M. Geva, A. Caciularu, K. Wang, Y. Goldberg: *Transformer Feed-Forward Layers Build Predictions by Promoting Concepts in the Vocabulary Space*. EMNLP 2022. arXiv 2203.14680. Values read through the last norm.
# - D. Dai, L. Dong, Y. Hao, Z. Sui, B. Chang, F. Wei: *Knowledge Neurons in Pretrained Transformers*. ACL 2022. arXiv 2104.08696.
# - M. Sundararajan, A. Taly, Q. Yan: *Axiomatic Attribution for Deep Networks*. ICML 2017. arXiv 1703.01365. Integrated gradients and completeness.
# - N. Shazeer: *GLU Variants Improve Transformer*. 2020. arXiv 2002.05202. The gate.
# - The textbook, §5.2.2 (figure 5.8, KN), §5.3.1 (figure 5.10, equation 5.6).
