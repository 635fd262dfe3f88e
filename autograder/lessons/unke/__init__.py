"""Lesson 11, long answers: exercise 6, the loss of UnKE (Deng et al. 2025)."""
