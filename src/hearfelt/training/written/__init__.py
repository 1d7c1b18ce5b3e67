"""Models that write their answer, from recipe to run: the speech-LLM and the Transformer from nothing."""
