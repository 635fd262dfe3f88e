"""Lesson 02, what a good edit is: the rates of textbook §5.1.3 (equations 5.1 to 5.4) as six exercises, and
the lesson's two quizzes.
"""
