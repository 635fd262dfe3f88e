"""Lesson 09, GRACE: two exercises on the codebook (textbook §5.2.1)."""
