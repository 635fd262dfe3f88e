"""Lesson 01, the model read from outside: two exercises (textbook §5.4.1) and the lesson's two quizzes."""
