"""The text model: fine-tune a sentence encoder, quantise it, release it."""
