"""Text models of dialogue: a line by itself, then with what was said before, then with how it was said."""
