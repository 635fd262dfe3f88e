"""What each exercise is checked with: `autograder.lessons.<exercise id>` holds its claims, mutants, hints
and explanation.

Every module gives ARGUMENTS (names of the function's arguments), gate(value, *args), CLAIMS, MUTANTS,
HINTS (three) and EXPLANATION; optionally ALSO (names of further functions of the same exercise), STUB (where
ours is not the model) and USES_MODEL (where an answer is judged on a bundled model, and takes seconds).
"""
