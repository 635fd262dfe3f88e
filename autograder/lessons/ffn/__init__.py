"""Lesson 03, first half: the FFN as a key-value memory."""
