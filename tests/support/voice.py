"""A voice for a browser's fake microphone: its own beeps are no speech."""

import math
import wave
from array import array
from pathlib import Path

_RATE = 48_000
_HALF = _RATE // 2
_HARMONICS = 11
_AMPLITUDE = 4_500
_FULL_SCALE = 32_767


def write_voice(path: Path, seconds: int = 4) -> Path:
    """A mono WAV file of syllables with gaps, two a second, for --use-file-for-fake-audio-capture.

    The browser plays it over and over.
    """
    syllable = array("h", (_sample(at / _RATE) for at in range(_HALF)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(syllable.tobytes() * (2 * seconds))
    return path


def _sample(at_s: float) -> int:
    """Half a second of which the first half sounds like a vowel."""
    loudness: float = max(0.0, math.sin(2 * math.pi * 2 * at_s)) ** 0.6
    pitch = 2 * math.pi * 130
    vowel = sum(math.sin(pitch * n * at_s) / n for n in range(1, _HARMONICS + 1))
    return max(-_FULL_SCALE, min(_FULL_SCALE, int(_AMPLITUDE * loudness * vowel)))
