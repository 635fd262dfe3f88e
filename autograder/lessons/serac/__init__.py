"""Lesson 09, SERAC: three exercises on the gate (textbook §5.2.1, figure 5.5) and the lesson's two quizzes."""
