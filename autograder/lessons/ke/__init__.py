"""Lesson 07, KE: an edit under a constraint, textbook §5.2.2."""
