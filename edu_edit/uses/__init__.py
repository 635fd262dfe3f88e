"""Editing in the world: forgetting private details, taming a rude register, evening out a skew."""
