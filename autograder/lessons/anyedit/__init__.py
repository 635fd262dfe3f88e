"""Lesson 11, long answers: exercises 1 to 5 and two quizzes (AnyEdit, Jiang et al. 2025)."""
