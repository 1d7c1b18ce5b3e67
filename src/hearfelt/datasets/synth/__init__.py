"""Emotional speech that is made: by rule, by the prosody of a real utterance, or by a speech server.

Every back end is a `base.Voice`: `speak(text, emotion, intensity, seed) -> Audio`.

* `espeak.EspeakVoice`: espeak-ng alone, its own pitch, range, rate and pauses.
* `ruled.RuledVoice`: espeak-ng or a neutral recording, changed by WORLD after the rules of `rules.Rules`.
* `transfer.TransferVoice`: the contour of a real utterance on neutral speech.
* `server.ServerVoice`: a neural voice behind ``POST …/v1/audio/speech``.

`build.voice` makes one from names; `table.make` makes a corpus from a table.
"""
