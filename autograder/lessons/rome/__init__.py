"""Lesson 05, ROME: six exercises (textbook §5.4.3, equations 5.15 to 5.21) and two quizzes."""
