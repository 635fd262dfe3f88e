"""Lesson 02, fine-tuning as an editing method: the ball of FT-L, one exercise."""
