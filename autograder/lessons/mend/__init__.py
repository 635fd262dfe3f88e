"""Lesson 07, MEND: five exercises (textbook §5.2.2, equation 5.5) and the two quizzes of the lesson."""
