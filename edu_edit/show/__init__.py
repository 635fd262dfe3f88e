"""Figures (`plots`) and interactive pages (`widgets`) of the course; nothing here computes an edit of its own.

Figures share one style, colours safe for colour-blind readers, printed values and a description (`fig.alt`).
Every widget has a `static()` figure, which is what a reader without a kernel sees.
"""
