"""Lesson 07, ENN: the inner problem of equation (5.5), textbook §5.2.2."""
