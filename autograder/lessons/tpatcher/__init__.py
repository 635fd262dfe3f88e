"""Lesson 08, T-Patcher: six exercises (textbook §5.3, equations 5.7 to 5.14) and the two quizzes."""
