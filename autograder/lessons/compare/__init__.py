"""Lesson 12: levels, the front, the lifetime and the table; `bootstrap_ci` and `harmonic` are in metrics."""
