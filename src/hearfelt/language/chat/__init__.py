"""Back ends: any OpenAI-style server, a model in this process, a queue of ready replies."""
