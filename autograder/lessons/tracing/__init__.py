"""Lesson 01, the model read from inside: three exercises on the residual stream (textbook §5.4.1, §5.4.2)."""
