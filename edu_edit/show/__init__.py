"""Figures (`plots`) and interactive pages (`widgets`) of the course; no edit is computed in here.

Figures share one style, colours safe for colour-blind readers, printed values and a description (`fig.alt`).
Every widget has a `static()` figure, which is what a reader without a kernel sees.
"""
