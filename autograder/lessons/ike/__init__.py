"""Lesson 10, in-context knowledge editing: six exercises and two quizzes (IKE, Zheng et al. 2023)."""
