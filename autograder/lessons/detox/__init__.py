"""Lesson 13, detoxifying: values switched on (Geva et al. 2022), and what is refused that should not be."""
