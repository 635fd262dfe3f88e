"""The Atlas: an invented world, its corpus, and the training and measuring of the bundled models."""

from edu_edit.world.atlas import atlas
from edu_edit.world.probes import atlas_facts, other_facts, other_questions

__all__ = ["atlas", "atlas_facts", "other_facts", "other_questions"]
