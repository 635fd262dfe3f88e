"""The part of the grader that runs inside the sandbox, next to the student's code. Nothing here is trusted or
secret."""
