"""What the words mean: a small text model, and chat models that judge a whole dialogue."""
