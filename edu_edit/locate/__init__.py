"""Where does a model keep a fact? Textbook section 5.4.1 (causal tracing)."""
