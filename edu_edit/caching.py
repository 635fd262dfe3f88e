"""What transformers calls the argument that holds attention's keys and values.

It was `past_key_values` up to release 5.23 and is `cache` since, in models, blocks and attention modules.
"""

from inspect import signature

from transformers import GPT2LMHeadModel

CACHE = "cache" if "cache" in signature(GPT2LMHeadModel.forward).parameters else "past_key_values"
