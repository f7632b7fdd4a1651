"""A camera whose picture costs what a real one does: the browser's own test picture is too plain.

Chromium's fake camera is compressed to 1.3 Mbit/s at the best quality, whatever is allowed. A real
sensor's noise is what a candidate's bits go into.
"""

import random
from pathlib import Path

WIDTH, HEIGHT, RATE = 1280, 720, 24
FRAMES = 24
# Of 255; about a webcam's by lamplight.
NOISE = 12
SEED = 156


def write(folder: Path) -> Path:
    """A second of film that Chromium plays in a loop (YUV4MPEG2, 33 MB)."""
    path = folder / "camera.y4m"
    source = random.Random(SEED)
    pool = source.randbytes(3 * WIDTH * HEIGHT)
    shades = [_shade(bar) for bar in range(8)]
    chroma = bytes([128]) * (WIDTH * HEIGHT // 2)
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420\n".encode())
        for number in range(FRAMES):
            film.write(b"FRAME\n")
            film.write(_luma(number, pool, shades, source))
            film.write(chroma)
    return path


def _shade(bar: int) -> bytes:
    """Turns a random byte into a brightness around that of the bar."""
    middle = 40 + 25 * bar
    return bytes(middle + (value * NOISE // 256) - NOISE // 2 for value in range(256))


def _luma(number: int, pool: bytes, shades: list[bytes], source: random.Random) -> bytes:
    """Bars that move from left to right under noise that is new in each frame."""
    shift = number * WIDTH // FRAMES
    bar = WIDTH // len(shades)
    start = source.randrange(len(pool) - WIDTH * HEIGHT)
    noise = pool[start : start + WIDTH * HEIGHT]
    columns = [(x + shift) % WIDTH // bar for x in range(0, WIDTH, bar // 2)]
    rows = []
    for top in range(0, WIDTH * HEIGHT, WIDTH):
        for at, column in enumerate(columns):
            left = top + at * (bar // 2)
            rows.append(noise[left : left + bar // 2].translate(shades[column]))
    return b"".join(rows)
