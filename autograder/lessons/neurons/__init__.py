"""Lesson 03, second half: knowledge neurons."""
