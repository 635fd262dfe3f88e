"""Lesson 04: causal tracing and severing, textbook section 5.4.1."""
