"""What can be measured in a sound: pitch, loudness, spectrum, voice quality, tempo; and cues in words."""
