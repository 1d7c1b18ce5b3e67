"""Low-rank adapters on a causal language model that reads dialogues and writes the emotion of a turn."""
