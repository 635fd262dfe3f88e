"""The grader: many notebooks from strangers, graded fast, in isolation and all alike.

A submission is taken in (`intake`), brought into the instructor's form (`normalise`), run in a sandbox while
a trusted process judges its functions (`judging`, `sandbox`), and written down by one writer (`ledger`), from
which gradebook, feedback pages, exports and the class report are made.
"""
