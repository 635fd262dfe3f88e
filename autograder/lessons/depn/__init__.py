"""Lesson 13, forgetting: privacy neurons, their silence, and exposure (DEPN, Wu et al. 2023), and two "
"quizzes."""
