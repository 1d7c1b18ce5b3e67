"""The shipped text models, and which language a text is in."""
