"""Lesson 09, patches in words: two short exercises (textbook §5.2.1)."""
