"""Lesson 13, debiasing: a direction projected out (DAMA) and values evened out (LSDM)."""
