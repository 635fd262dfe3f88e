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
#   title: 'Lesson 10 · No surgery: in-context knowledge editing'
# ---

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# # Lesson 10 · No surgery: in-context knowledge editing
#
# *75 minutes · 6 exercises · 13 points · before this: lesson 09 (edit caches)*
#
# ## Promise
#
# All methods so far changed the model, or put something beside it. This lesson changes nothing but the **text** that the model reads.
#
# That sounds like cheating, and too easy: write the new fact into the prompt, and be done. Try it below. The model reads that the
# zebra's skin is black, and goes on saying *pink*. It is stubborn. Then it sees eight examples of how to treat a new fact,
# none of them about zebras, and gives in.
#
# At the end of the lesson you make that edit yourself, look at every block of its prompt, and know what it costs.

# %%
# One variable chooses the model. Graded checks always use the bundled one, so you can play with this.
MODEL = "atlas-gpt2"  # also: "atlas-llama", or "gpt2" if its weights are on this machine

from collections.abc import Sequence
from time import perf_counter
from types import SimpleNamespace

import torch
from IPython.display import display
from jaxtyping import Float, Int
from torch import Tensor

import edu_edit
import edu_edit.methods.ike as library
from autograder import check, grade, hint, progress, quiz
from edu_edit import Edit, Fact, load, load_facts
from edu_edit.methods.demonstrations import embeddings, told
from edu_edit.metrics import same_answer
from edu_edit.show import plots, probes, widgets
from edu_edit.tokens import spaced, target_ids
from edu_edit.world import atlas

lm = load(MODEL)
facts = load_facts("atlas")
complete = [fact for fact in facts if fact.paraphrases and fact.neighborhood and fact.target_true]
pool = complete[::7]  # the facts that demonstrations may show
zebra = next(fact for fact in facts if fact.subject == "zebra")

alone = f"New Fact: {told(zebra)}\nPrompt: {zebra.question}"
print(alone, "...", lm.answer(alone))
progress("10_ike")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
promised = edu_edit.ike(lm, zebra, pool, k=8)
before = probes.probes(lm, zebra, facts, most=3)
with promised:
    after = probes.ask_again(lm, before)
display(plots.plot_answers(after, title="What you will make: the zebra, after eight demonstrations"))

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Objectives
#
# After this lesson you can
#
# 1. show that a bare new fact may be ignored, and measure the stubbornness;
# 2. write the three kinds of demonstrations (copy, update, retain) and say which property each is there for;
# 3. choose demonstrations by similarity, and mix the kinds in a ratio;
# 4. build the prompt to the byte, within the model's context, as an edit that can be switched on and off;
# 5. compare editing by prompt with editing of weights: what persists, and who pays.
#
# **Letters:** $n$ facts, or entries of the pool · $d$ width of the vectors that are compared · $k$ demonstrations.
# The **pool** is the set of facts that demonstrations may show.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Warm-up quiz
#
# Three questions. Every option explains itself. Nothing here is graded.

# %% slideshow={"slide_type": "-"}
# Click, or write the letters here ("a", "b", "c") and run the cell: what is written stays.
answers = {"told": "", "locality": "", "order": ""}
quiz("ike.warm_up", answers)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Idea
#
# ### Editing without touching anything
#
# Definition 5.1 asks for a model $M^*$ that answers as the new fact demands. It doesn't say that a weight must change. So put the
# fact into the **context**: let $M^*(x) = M(\text{context} + x)$. This is **in-context knowledge editing**, **IKE** for short.
#
# It needs no gradient and no access to the weights. It works with models that can only be reached over a network. The textbook
# says of language patches (lesson 09) that they resemble a prompt; here the prompt is all there is.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The stubborn model
#
# The lecture's warning: a strong model may simply not believe what it is told. Its weights say *Seattle*, one line of text says *Taipei*.
# Why should the line win? In the texts that a model has learned from, a lone odd sentence is often a slip, a joke or fiction.
#
# We measure stubbornness as **resistance**: which share of the old answer's probability survives being told?
#
# $$\text{resistance} = \frac{1}{n} \sum_{i=1}^{n} \min\!\left(\frac{P(\text{old}_i \mid \text{new fact}_i + x_i)}{P(\text{old}_i \mid x_i)},\; 1\right)$$
#
# 1 means that nothing was believed, 0 that the old belief is gone.
#
# **A word of honesty.** Our bundled models were *trained* to be like that: in a part of their texts a lone new fact is followed by the old
# answer, and after worked examples it is followed by the new one. Of 150 facts about subjects that no such text touched, `atlas-gpt2`
# follows .40 when told and .96 after 8 demonstrations; `atlas-llama` .16 and .91. A model of another make can be more gullible, or deaf to
# both. Measure it before you rely on it.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Three kinds of demonstrations
#
# If the model doesn't know what to do with a new fact, show it. A **demonstration** is a new fact about something else, and a
# prompt with the answer that is right after it. One kind for each property of lesson 02:
#
# | kind | asks | answers with | is there for |
# |---|---|---|---|
# | **copy** | the very prompt that was told | the new answer | accuracy (the lecture's *reliability*) |
# | **update** | another wording, or what follows (here: the fact's first paraphrase) | the new answer | generality |
# | **retain** | a neighbour: another subject | the *old* answer | locality |
#
# Copy: told that X lives in Rome, say so. Update: the lecture tells that Einstein was a mathematician, asks what he was good at, and answers
# *mathematics*. Retain: it tells that Messi plays tennis, asks who founded Google, and still answers *Larry Page*.
#
# With copy and update alone, one rule would explain all examples: *repeat the object that you just read*. Retain is the counterexample.
# The authors mix copy : update : retain as **1 : 3 : 4**.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### What the prompt looks like
#
# Every demonstration has two lines, and an empty line after it. The last block has the same form, but its answer is left to the model.
# The facts shown are those **most similar** to the new one, and the most similar stands **last**, next to the question.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
own = promised.record["demonstrations"][0]
blocks = list(zip(library.kinds(len(own)), own, strict=True)) + [("new fact", alone)]
plots.plot_prompt(blocks, title="The prompt that the promise was made with")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# > ### Spot the slip
# >
# > *"IKE changes no weight. So nothing else can change: its locality is perfect."*
# >
# > <details><summary>Answer</summary>
# >
# > The weights are the same, the *text* is not. Every question is now read after the context, and each answer may move.
# > Locality compares the answer **without** context with the answer **after** it. In the promise above a question about the zebra's
# > other properties may already have changed. "Break it" measures this on more facts.
# >
# > </details>
#
# **Three places where paper, code and retellings part ways**
#
# | you may read | what to know |
# |---|---|
# | retain asks something unrelated (Messi, then Google) | the paper's retain asks a *neighbour*, which shares relation and old object with the fact shown. That is harder, and teaches more |
# | "32 demonstrations" | the released script adds a 33rd: the tested fact itself, *with its answer*. Then the model need only copy, and the figures can't be compared |
# | "the nearest demonstrations" | facts are compared by a sentence encoder, a second model. We use the mean of the model's own token embeddings |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## By hand
#
# Take paper.
#
# 1. Three facts. The old answer's probability falls from 0.8 to 0.2, rises from 0.5 to 0.6, and falls from 0.4 to 0. What is the resistance?
# 2. The query is $(3, 4)$. The pool holds $a = (6, 8)$, $b = (4, 3)$, $c = (0, 10)$, $d = (-3, -4)$. Compute the four cosines.
#    Which two are nearest, in which order do they stand?
# 3. You want 6 demonstrations in the ratio 1 : 3 : 4. How many of each kind?
#
# <details><summary>1: the numbers</summary>
#
# Ratios 0.25, 1.2, 0. The second is clipped to 1. Mean: $(0.25 + 1 + 0)/3 = 0.417$. Without the clip it would be 0.483: one fact's
# growing belief would hide that others gave in less.
#
# </details>
#
# <details><summary>2: the numbers</summary>
#
# $a$: $50/(5 \cdot 10) = 1$. $\;b$: $24/25 = 0.96$. $\;c$: $40/50 = 0.8$. $\;d$: $-1$. The two nearest are $a$ and $b$; the most similar stands
# last, so the answer is $[b, a]$, as indices $[1, 0]$. By the dot product it would have been $a$ and $c$.
#
# </details>
#
# <details><summary>3: the numbers</summary>
#
# Shares: $6 \cdot 1/8 = 0.75$, $6 \cdot 3/8 = 2.25$, $6 \cdot 4/8 = 3$. Whole parts 0, 2, 3: five. One is left over, and copy has the largest fraction
# (0.75). So 1 copy, 2 update, 3 retain. This is the method of the **largest remainder**, known from elections.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Build
#
# Six exercises. Together they are IKE.
#
# - Write your code where it says `# YOUR CODE HERE`, and take out the `raise` line.
# - Run the `check` below it. The card says which claims hold, and what to look at if one doesn't. Check as often as you like.
#   At grading the same cell holds more claims than you see here.
# - Stuck? Remove the `#` in front of `hint(...)` and run it. There are three hints: a nudge, an outline, almost the code.

# %% [markdown] lang="en" exercise="ike.resistance" slideshow={"slide_type": "slide"}
# **Why.** Before you cure stubbornness, measure it. You get the old answer's probability for $n$ facts, asked plainly and asked after the
# new fact.
#
# $$\frac{1}{n} \sum_i \operatorname{clip}\!\left(\frac{p^{\text{told}}_i}{p^{\text{plain}}_i},\, 0,\, 1\right)$$
#
# *Take care:* first divide, fact by fact, then average. And where there was no belief ($p^{\text{plain}} = 0$), there is nothing to resist: raise
# `ValueError`.

# %% nbgrader={"grade": false, "grade_id": "ike-resistance", "locked": false, "schema_version": 3, "solution": true, "task": false}
def resistance(p_old_plain, p_old_told):
    ### BEGIN SOLUTION
    if not len(p_old_plain) or bool((p_old_plain <= 0).any()):
        raise ValueError("Give facts whose old answer has a probability above 0.")
    return float((p_old_told / p_old_plain).clamp(0, 1).mean())
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "ike-resistance-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("ike.resistance", resistance)
### BEGIN HIDDEN TESTS
grade("ike.resistance", resistance)
### END HIDDEN TESTS

# %%
# hint("ike.resistance")

# %% [markdown] lang="en" exercise="ike.demonstration" slideshow={"slide_type": "slide"}
# **Why.** The model will go on as the demonstrations did, so they must all have one form, to the byte:
#
# ```
# New Fact: {question} {new answer}
# Prompt: {what is asked} {its answer}
#
# ```
#
# What is asked, and answered, is: **copy** `fact.question` and `target_new`; **update** `fact.paraphrases[0]` and `target_new`;
# **retain** `fact.neighborhood[0]` and `target_true`.
#
# `spaced(prompt, answer)` is given: the answer with a blank in front, unless none belongs there (in Chinese, for example).
#
# *Take care:* in *retain* the first line still tells the new fact. A text ends with two line breaks. What can't be shown is refused
# with `ValueError`: another kind, or a fact that lacks the paraphrase, the neighbour or the true answer.

# %% nbgrader={"grade": false, "grade_id": "ike-demonstration", "locked": false, "schema_version": 3, "solution": true, "task": false}
def demonstration(kind, fact):
    ### BEGIN SOLUTION
    if kind == "copy":
        asked, answer = fact.question, fact.target_new
    elif kind == "update" and fact.paraphrases:
        asked, answer = fact.paraphrases[0], fact.target_new
    elif kind == "retain" and fact.neighborhood and fact.target_true:
        asked, answer = fact.neighborhood[0], fact.target_true
    else:
        raise ValueError(f"The fact about {fact.subject} can't show {kind!r}.")
    new = fact.question + spaced(fact.question, fact.target_new)
    return f"New Fact: {new}\nPrompt: {asked}{spaced(asked, answer)}\n\n"
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "ike-demonstration-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("ike.demonstration", demonstration)
### BEGIN HIDDEN TESTS
grade("ike.demonstration", demonstration)
### END HIDDEN TESTS

# %%
# hint("ike.demonstration")

# %% [markdown] lang="en" exercise="ike.nearest" slideshow={"slide_type": "slide"}
# **Why.** A fact about another animal's skin shows better what to do with the zebra's than a fact about a violinist. So compare the new fact with
# every fact of the pool, each as a vector of $d$ numbers, by the **cosine**:
#
# $$\cos(q, p_i) = \frac{q \cdot p_i}{\lVert q \rVert\, \lVert p_i \rVert}$$
#
# Give back the indices of the $k$ largest, as whole numbers, the most similar one **last**.
#
# Don't be puzzled by what comes out. In a mean of token embeddings, words such as *the ... of the ... is* weigh a lot. To the zebra's skin the fox's
# food is the most similar fact (.98) and the camel's skin the second (.96); the whole pool has a mean of .91.
#
# *Take care:* $k$ may be larger than the pool. Of two equals the one with the lower index counts as more similar.

# %% nbgrader={"grade": false, "grade_id": "ike-nearest", "locked": false, "schema_version": 3, "solution": true, "task": false}
def nearest(query, pool, k):
    ### BEGIN SOLUTION
    query, pool = query.double(), pool.double()
    similarity = (pool @ query) / (pool.norm(dim=1) * query.norm())
    similarity = similarity.round(decimals=12)  # what is equal shall be equal, whatever the rounding
    return similarity.argsort(descending=True, stable=True)[:k].flip(0)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "ike-nearest-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("ike.nearest", nearest)
### BEGIN HIDDEN TESTS
grade("ike.nearest", nearest)
### END HIDDEN TESTS

# %%
# hint("ike.nearest")

# %% [markdown] lang="en" exercise="ike.kinds" slideshow={"slide_type": "slide"}
# **Why.** A context has room for a few demonstrations only. The ratio says how to share the places. For $k$ places each kind should get
# $k \cdot \text{part} / \text{sum}$, but places are whole. Largest remainder: everybody gets the whole part; what is left over goes to the largest
# fractions, and of equal fractions to the earlier kind.
#
# Give back the list of $k$ names: all `"copy"`, then all `"update"`, then all `"retain"`.
#
# *Take care:* rounding each share by itself need not add up to $k$. Whole-number arithmetic (`//` and `%`) has no rounding errors. A negative $k$ or
# part, and a ratio of zeros, are refused with `ValueError`.

# %% nbgrader={"grade": false, "grade_id": "ike-kinds", "locked": false, "schema_version": 3, "solution": true, "task": false}
def kinds(k, ratio=(1, 3, 4)):
    ### BEGIN SOLUTION
    total = sum(ratio)
    if k < 0 or min(ratio) < 0 or total == 0:
        raise ValueError(f"k={k}, ratio={ratio}: give k >= 0 and parts that are not negative, nor all 0.")
    counts = [k * part // total for part in ratio]
    by_remainder = sorted(range(3), key=lambda i: -(k * ratio[i] % total))
    for i in by_remainder[: k - sum(counts)]:
        counts[i] += 1
    return [name for name, count in zip(("copy", "update", "retain"), counts, strict=True) for _ in range(count)]
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "ike-kinds-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("ike.kinds", kinds)
### BEGIN HIDDEN TESTS
grade("ike.kinds", kinds)
### END HIDDEN TESTS

# %%
# hint("ike.kinds")

# %% [markdown] lang="en" exercise="ike.ike_prompt" slideshow={"slide_type": "slide"}
# **Why.** Now the text itself: the demonstrations as they come, then the last block, `New Fact: ...`, and in the next line `Prompt: ...` with the
# question.
#
# *Take care:* nothing stands after the question, not even a blank. The model's tokens bring their own blank (lesson 01); after one of yours it
# has never seen an answer begin. "Break it" shows what that does.

# %% nbgrader={"grade": false, "grade_id": "ike-ike_prompt", "locked": false, "schema_version": 3, "solution": true, "task": false}
def ike_prompt(demos, new_fact, question):
    ### BEGIN SOLUTION
    return "".join(demos) + f"New Fact: {new_fact}\nPrompt: {question}"
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "ike-ike_prompt-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("ike.ike_prompt", ike_prompt)
### BEGIN HIDDEN TESTS
grade("ike.ike_prompt", ike_prompt)
### END HIDDEN TESTS

# %%
# hint("ike.ike_prompt")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Given: the plumbing
#
# - `told(fact)`: the new fact as a sentence. `pool` holds only facts that can show all three kinds.
# - `embeddings(lm, texts)`: a vector for each text, the mean of the model's token embeddings (less the vocabulary's mean).
# - `everything(fact)`: all that a demonstration of this fact could show, as one text.
# - `n_tokens(lm, text)`: the length of a text. `lm.context`: how many tokens the model can read and write in all.
# - `Edit(lm, rewrite=f)`: an edit that passes every text through `f` before the model reads it. Like every `Edit` it can be switched on and off.
#
# Call `pieces.nearest`, `pieces.demonstration`, `pieces.kinds` and `pieces.ike_prompt`. `pieces` says whose functions these are. It starts with the
# library's, so that a slip in an earlier exercise can't cost you points twice. In *Run it* you switch to yours.

# %%
def everything(fact):
    answers = [fact.target_new, fact.target_true or ""]
    return "\n".join([fact.question, *answers, *fact.paraphrases, *fact.neighborhood])


def n_tokens(lm, text):
    return len(lm.tok(text, verbose=False)["input_ids"])


pieces = library
print(n_tokens(lm, library.demonstration("copy", zebra)), "tokens in one demonstration,", lm.context, "tokens of context")

# %% [markdown] lang="en" exercise="ike.ike" slideshow={"slide_type": "slide"}
# **Why.** A prompt edit with the same contract as a weight edit: a fact goes in, an `Edit` comes out that can be switched on, off and scored.
#
# Once, when the edit is made:
#
# 1. leave out every fact of the pool that mentions the subject (`fact.subject in everything(one)`): it would tell the model what it is to be asked;
# 2. find the $k$ nearest, by `embeddings` of `told(...)`, and write the $i$-th one as the $i$-th kind. So the least similar fact shows a copy, and the
#    nearest ones show *retain*. That order is our choice; the authors shuffle the kinds.
#
# Then, for every text: build the prompt, and see whether it fits. It fits if its tokens and **8** more, for the answer, are no more than
# `lm.context`. If it doesn't, drop demonstrations from the front, where the least similar stand, as few as will do. This costs the mix: copies and
# updates stand in front, so they go first. For the zebra and $k = 32$ nine fit, and all nine are *retain*.
# (One could first find how many fit, and then mix. We keep the simpler rule.)
#
# *Take care:* if the pool is smaller than $k$, ask `kinds` for as many as you found. Never cut a demonstration in two. Don't switch the edit on.
#
# The open claims see neither a leak nor a prompt that is too long; grading does. Test both yourself: let `ike(lm, zebra, [zebra, *pool], 32)` rewrite the
# zebra's question. A right prompt has 248 tokens at most and says *zebra* twice, in its last two lines.

# %% nbgrader={"grade": false, "grade_id": "ike-ike", "locked": false, "schema_version": 3, "solution": true, "task": false}
def ike(lm, fact, pool, k=8):
    ### BEGIN SOLUTION
    usable = [one for one in pool if fact.subject not in everything(one)]
    vectors = embeddings(lm, [told(fact), *map(told, usable)])
    best = pieces.nearest(vectors[0], vectors[1:], k).tolist()
    demos = [pieces.demonstration(kind, usable[i]) for kind, i in zip(pieces.kinds(len(best)), best, strict=True)]

    def rewrite(text):
        for dropped in range(len(demos) + 1):
            prompt = pieces.ike_prompt(demos[dropped:], told(fact), text)
            if n_tokens(lm, prompt) + 8 <= lm.context:
                break
        return prompt

    return Edit(lm, rewrite=rewrite)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "ike-ike-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("ike.ike", ike)
### BEGIN HIDDEN TESTS
grade("ike.ike", ike)
### END HIDDEN TESTS

# %%
# hint("ike.ike")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Run it
#
# Your functions, a real edit: the zebra, with all pieces yours. Some of your demonstrations differ from those of the promise: the library keeps
# a fact whose *neighbour* mentions the zebra and takes another neighbour of it, you leave the whole fact out. Is any answer different?
#
# <details><summary>Answer</summary>
#
# Yes: asked what the zebra eats, the model said *grass* in the promise and says *seeds* now. The new fact is followed both times. Other examples about
# other subjects were enough to change a fact that nobody edited.
#
# </details>

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
pieces = SimpleNamespace(nearest=nearest, demonstration=demonstration, kinds=kinds, ike_prompt=ike_prompt)
mine = ike(lm, zebra, pool, k=8)
before = probes.probes(lm, zebra, facts, most=3)
with mine:
    after = probes.ask_again(lm, before)
plots.plot_answers(after, title="Made by your ike()")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### How stubborn is the model?
#
# Ten facts about subjects that no training text ever edited; ten are few, so don't expect the .40 and .96 of the 150. First asked plainly, then told,
# then told after 2 and after 8 demonstrations.
# We read the probability of the old answer's first token.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
fresh = [fact for fact in complete if fact.subject in atlas().never_edited][::14]
old = torch.tensor([target_ids(lm, fact.target_true, fact.question)[0] for fact in fresh])


def belief(prompts):
    """The probability (n,) of each fact's old answer."""
    return lm.next_probs(prompts)[torch.arange(len(fresh)), old]


plain = belief([fact.question for fact in fresh])
followed = {}
for k in (0, 2, 8):
    prompts = [ike(lm, fact, pool, k).rewrite(fact.question) for fact in fresh]
    said = lm.answers(prompts, 4)
    followed[k] = sum(same_answer(answer, fact.target_new) for answer, fact in zip(said, fresh, strict=True)) / len(fresh)
    print(f"k = {k}: resistance {resistance(plain, belief(prompts)):.2f}, new answer given {followed[k]:.2f}")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Side by side with surgery
#
# The same fact by ROME (lesson 05) and by your prompt. Five rates each; a line is a 95 % interval. It is long because each rate has one to three
# prompts, so don't rank the two by it. Look where each one leaks.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
begin = perf_counter()
cut = edu_edit.rome(lm, zebra, generator=torch.Generator().manual_seed(5))
seconds = {"ROME": perf_counter() - begin}
begin = perf_counter()
mine = ike(lm, zebra, pool, k=8)
seconds["IKE"] = perf_counter() - begin

bars = {"before": probes.rates(before)["before"]}
for name, edit in (("ROME", cut), ("IKE", mine)):
    with edit:
        bars[name] = probes.rates(probes.ask_again(lm, before))["after"]
plots.plot_rates(bars, title="The zebra by surgery and by prompt")

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# ROME leaks to *neighbours* (1 of 3 kept): its change acts on every key that is like the zebra's. The prompt keeps all three, and leaks to other facts
# of the *same subject* (1 of 3 kept). All of them are now asked after a line that says *black* of the zebra, and the coat is said to be *black*, too.

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Persistence and cost
#
# An edit of weights is paid once. A prompt is paid with every question.

# %% tags=["demo"]
questions = [zebra.question] * 4
times = {}
for name, edit in (("ROME", cut), ("IKE", mine)):
    with edit:
        begin = perf_counter()
        lm.answers(questions)
        times[name] = (perf_counter() - begin) / len(questions)
tokens = {"ROME": n_tokens(lm, zebra.question), "IKE": n_tokens(lm, mine.rewrite(zebra.question))}
print(f"{'':6}{'to make':>10}{'per answer':>13}{'tokens read':>13}{'numbers changed':>17}")
for name, edit in (("ROME", cut), ("IKE", mine)):
    changed = sum(delta.numel() for delta in edit.delta.values())
    print(f"{name:6}{seconds[name]:8.2f} s{times[name]:11.3f} s{tokens[name]:13}{changed:17}")
print("\nwithout the context the old answer is back:", lm.answer(zebra.question))

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# | | edit of weights (ROME, MEMIT) | edit by prompt (IKE) |
# |---|---|---|
# | **persistence** | stays in the weights; can be merged, saved, passed on | lasts while the text is sent along; whoever leaves it out has the old model |
# | **cost** | once, when it is made | with every question: more tokens to read, less room for the user's text |
# | **many facts** | MEMIT: thousands | facts compete for the context; a memory must choose which to tell (lesson 09's caches do) |
# | **access** | needs the weights | needs only the prompt |
# | **undo** | put the saved weights back | leave the text out |
# | **safety** | hard to see from outside | in plain sight; and any other text in the prompt can override it |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The anatomy of the prompt
#
# Choose kinds, order and number with the buttons (keyboard: Tab and the arrow keys). The blocks change at once. The bars show all numbers of
# demonstrations; for another mix or order press *Ask the model* (some seconds; what was asked once is kept).
#
# *Try this:* ask for 32. How many fit, and of which kinds? Then take *no retain*. Does locality suffer in this model?

# %% tags=["demo"]
anatomy = widgets.prompt_anatomy(lm, zebra, facts, pool)
anatomy

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Break it
#
# Six ways to spoil IKE:
#
# | | what we spoil |
# |---|---|
# | **A** | no retain demonstrations |
# | **B** | the order turned round: most similar first |
# | **C** | a blank after the question |
# | **D** | demonstrations that *ignore* the new fact: they all answer with the old one |
# | **E** | the leak: the fact itself, with its answer, as the last demonstration |
# | **F** | like D, with the remark `(old)` after each answer |
#
# Six facts are asked, so a difference of one is no finding; the answers quote 24 facts. There are seven demonstrations, not
# eight: with F's remarks, eight would leave no room for the answer.
#
# **First guess, then run.** Which make the edit fail? Which seem to do no harm, and should worry you for that very reason?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
def prompt_for(fact, text, spoil=""):
    usable = [one for one in pool if fact.subject not in everything(one)]
    vectors = embeddings(lm, [told(fact), *map(told, usable)])
    best = [usable[i] for i in nearest(vectors[0], vectors[1:], 7).tolist()]
    names = kinds(7, (1, 3, 0) if spoil == "A" else (1, 3, 4))
    demos = [demonstration(name, one) for name, one in zip(names, best, strict=True)]
    if spoil == "B":
        demos = demos[::-1]
    if spoil in ("D", "F"):
        end = " (old)" if spoil == "F" else ""
        demos = [f"New Fact: {told(one)}\nPrompt: {one.question} {one.target_true}{end}\n\n" for one in best]
    if spoil == "E":
        demos = [*demos[1:], demonstration("copy", fact)]
    return ike_prompt(demos, told(fact), text + " " * (spoil == "C"))


patients = fresh[:6]
others = [
    next(one for one in facts if one.subject == fact.subject and one.prompt != fact.prompt)
    for fact in patients
]
plainly = lm.answers([one.question for one in others], 4)
print(f"{'':26}{'followed':>10}{'neighbour kept':>16}{'other fact kept':>17}   (of {len(patients)})")
spoils = ("A: no retain", "B: turned round", "C: a blank after", "D: ignoring", "E: the leak")
for name in ("as it should be", *spoils, "F: with a remark"):
    spoil = name[0] if name[1] == ":" else ""
    asked = [
        prompt_for(fact, text, spoil)
        for fact, other in zip(patients, others, strict=True)
        for text in (fact.question, fact.neighborhood[0], other.question)
    ]
    said = [answer.removesuffix(" (old)") for answer in lm.answers(asked)]  # without F's remark
    wanted = [(fact.target_new, fact.target_true, was) for fact, was in zip(patients, plainly, strict=True)]
    right = [[same_answer(said[3 * i + j], wanted[i][j]) for i in range(len(patients))] for j in range(3)]
    print(f"{name:26}{sum(right[0]):10}{sum(right[1]):16}{sum(right[2]):17}")

# %% [markdown] lang="en"
# **Explain.** Write one sentence for each. Then open the answers.
#
# *Your sentences:*
#
# - A:
# - B:
# - C:
# - D:
# - E:
# - F:

# %% [markdown] lang="en"
# <details><summary>A and B: why does so little happen?</summary>
#
# Because this model is small and was trained on this very format. On 24 facts we measured with `atlas-gpt2` (8 demonstrations): followed .92 with all three
# kinds, .96 without retain, 1.00 with *nothing but* retain; neighbours kept .98 to 1.00 in every case; .96 with the order turned round. So it has
# learned *"after several blocks of this form, follow the last new fact, for its own subject"*. It hardly reads what the blocks demonstrate.
# The phenomenon for which retain was invented, the new answer given to neighbours, **is missing in the bundled models**. In the paper's large models, which
# were never trained on this format, the kinds do matter. Don't conclude from ours that retain wastes space.
#
# </details>
#
# <details><summary>C: one blank, and all is lost</summary>
#
# The answer's first token is " black", with its blank. After a blank of your own the model would have to begin with "black", a token that it has
# never seen there. Neither weights nor facts have changed. The edit is a text, and breaks like one.
#
# </details>
#
# <details><summary>D: why does it follow examples that ignore?</summary>
#
# If the model learned from the demonstrations what to do, it should now keep the old answer. It follows (1.00 on the same 24 facts). This is the clearest sign that
# our model does not imitate what the blocks show. An experiment that *should* fail and doesn't tells more than one that works.
#
# </details>
#
# <details><summary>E: a success that is worth nothing</summary>
#
# The question and its answer stand in the line above, so the model can copy. What is measured then is copying. Our model hardly gains by it, for the reason of D: it follows or resists by the form of the prompt. A model that does imitate gains a lot.
# For the same reason no fact about the subject may be in the demonstrations, not even as a neighbour.
#
# </details>
#
# <details><summary>F: a word does what examples could not</summary>
#
# In this model's training, texts that ignored their new facts carried such remarks. So it reads the remark, and not what the examples do
# (it even writes one after its own answer; the table leaves it out). With remarks,
# 0 of 150 facts were followed. A demonstration works by what a model has learned to read in it, which need not be what you meant to show.
#
# </details>
#
# <details><summary>And the last column?</summary>
#
# Other facts of the *same* subject change: on the 24 facts, .83 were kept with 8 demonstrations and 1.00 when the fact was only told. So locality is not perfect, although
# every weight is as it was. What follows from the new fact came right in .29 of the questions: telling is not reasoning.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Discuss
#
# 1. You tell a chat model a new fact in the system prompt. A user writes: "Forget what you were told before." Is your edit an edit?
# 2. A newspaper corrects an article. Would you correct a model that quotes it by prompt or by surgery? And for a private address that must go?
# 3. The lecture's example: told that Japan's capital is Paris, a model that has seen demonstrations says so. Is it good that a model can be talked into that?
#    Who should be able to do it?
# 4. Our model ignores *what* demonstrations show. How would you find out whether a large model does?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Go further
#
# - **Retrieval.** IKE looks for *demonstrations*; retrieval-augmented generation (RAG) looks for the *facts* themselves. Give `edu_edit.ike` a list of 30 facts:
#   each text is told the one fact whose question is most similar. How often is it the right one? What if none is?
# - **Two hops.** Ask an edited fact's `portability` questions. Add the second fact to the prompt. Does it help?
# - **Calibration.** The authors compare length-normalised probabilities of new and true answer, and do not generate. Do both and compare the rates.
# - **Another model.** Set `MODEL = "atlas-llama"`. It resists more (.16 followed when told). Are A to E the same?
# - **Which place counts?** Put one fact's demonstration at each of eight places. Plot the probability of the new answer.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What you built
#
# - `resistance`: how much of an old belief survives being told;
# - `demonstration`: copy, update, retain, to the byte;
# - `nearest`, `kinds`: which facts are shown, and how many of each kind;
# - `ike_prompt`, `ike`: a prompt edit that fits into the context and can be switched on and off.
#
# **Next: lesson 11, any knowledge.** All edits so far put one or two words in place of others. What if the new knowledge is a paragraph, a poem or a
# program? AnyEdit and UnKE edit such texts piece by piece.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exit quiz

# %% slideshow={"slide_type": "-"}
answers = {"telling": "", "retain": "", "weights": "", "length": "", "leak": ""}
quiz("ike.exit", answers)

# %% [markdown] lang="en" tags=["lecturer"] slideshow={"slide_type": "notes"}
# <details><summary>For the lecturer (not in the student notebook)</summary>
#
# **Timings, 75 minutes.** Promise and quiz 8 · idea 12 · by hand 8 · exercises 1 to 5 about 25 · exercise 6 12 · run and break 8 · discussion 2. For
# 60 minutes leave exercise 4 as homework.
#
# **What goes wrong, most frequent first.**
#
# | exercise | error | how to help |
# |---|---|---|
# | 2 | retain tells the old fact, or asks the subject itself | what should the model learn from this example? |
# | 5 | a blank or a line break after the question | show variant C |
# | 3 | most similar first; `topk` with a large k | read the docstring's *last* aloud |
# | 4 | each share rounded | let them add up `kinds(6)` |
# | 6 | filters by subject only | ask what a neighbour in a retain block is answered with |
# | 6 | drops from the end, or cuts tokens | which demonstration is worth most? |
# | 1 | ratio of means | two facts, 0.9 and 0.01, on the board |
#
# **Demonstrate:** the zebra told and not believed; k = 32 in the anatomy (only about nine fit); variant D.
#
# **Be honest about the model.** It was trained to ignore a lone new fact and to follow after blocks. It does not care about their kinds. Students who find that
# by themselves deserve praise.
#
# **Rubric for "Explain".** Full: A, B, D, F name that the model does not imitate what is shown; C names the token; E names copying. Half: describes the table.
#
# **If time is short,** skip the comparison with ROME. Cells with the tag `demo` can be left out: no exercise depends on them.
#
# </details>

# %% [markdown] lang="en"
# ## References
#
# - C. Zheng, L. Li, Q. Dong, Y. Fan, Z. Wu, J. Xu, B. Chang: *Can We Edit Factual Knowledge by In-Context Learning?* EMNLP 2023. arXiv 2305.12740. The method (IKE).
# - The lecture: path 1, editing without changing parameters. Three kinds of examples; the model that won't believe.
# - The textbook, §5.2.1, which compares language patches with prompts.
# - K. Meng and others: *Locating and Editing Factual Associations in GPT*. NeurIPS 2022. CounterFact, whose records IKE's demonstrations are made of.
# - R. Cohen, E. Biran, O. Yoran, A. Globerson, M. Geva: *Evaluating the Ripple Effects of Knowledge Editing in Language Models*. TACL 2024. Why consequences are hard.
