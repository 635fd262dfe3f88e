"""Lesson 06, AlphaEdit: two exercises (Fang et al. 2025, section 3)."""
