"""Lesson 08, CaliNET: one exercise of two functions (textbook §5.2.1)."""
