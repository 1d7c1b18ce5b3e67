"""The parts wired together: build the cast, hear a recording, a stream or a folder."""
