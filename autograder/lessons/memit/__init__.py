"""Lesson 06, MEMIT: three exercises (textbook §5.4.3, end) and the two quizzes of the lesson."""
