"""What a bot shares of its screen: an exam's page that is read from top to bottom and up again."""

import math

from PIL import Image, ImageDraw, ImageFont

# Pixels.
WIDTH, HEIGHT = 640, 360
_BAR = 34
_LONG = 900
_READ_S = 40.0

_QUESTIONS = (
    ("1  Sorting", ("Which of these sorts keeps equal elements in their order?",), 4),
    (
        "2  Networks",
        (
            "A packet of 1,200 bytes crosses three links of 10 Mbit/s each.",
            "How long does it take?",
        ),
        3,
    ),
    ("3  Sets", ("Show that the union of two countable sets is countable.",), 0),
    ("4  Waves", ("Sketch one period, and name its amplitude.",), -1),
)


class Page:
    """`draw` gives the screen of a moment, WIDTH by HEIGHT, RGB."""

    def __init__(self) -> None:
        self._sheet = _draw_sheet()
        self._frame = _draw_frame()

    def draw(self, at_s: float) -> Image.Image:
        # Whole pixels, and a rest at both ends, as a reader scrolls.
        part = 0.5 - 0.5 * math.cos(2 * math.pi * at_s / _READ_S)
        top = round(part * (_LONG - (HEIGHT - _BAR)))
        screen = self._frame.copy()
        screen.paste(self._sheet.crop((0, top, WIDTH, top + HEIGHT - _BAR)), (0, _BAR))
        if int(at_s * 2) % 2:
            draw = ImageDraw.Draw(screen)
            draw.rectangle((WIDTH - 26, HEIGHT - 24, WIDTH - 24, HEIGHT - 10), fill=(70, 90, 130))
        return screen


def _draw_frame() -> Image.Image:
    frame = Image.new("RGB", (WIDTH, HEIGHT), (236, 239, 244))
    draw = ImageDraw.Draw(frame)
    draw.rectangle((0, 0, WIDTH, _BAR), fill=(52, 66, 92))
    for number, colour in enumerate(((236, 116, 104), (240, 190, 96), (124, 190, 132))):
        x = 20 + number * 20
        draw.ellipse((x - 6, _BAR / 2 - 6, x + 6, _BAR / 2 + 6), fill=colour)
    font = ImageFont.load_default(size=14)
    middle = (WIDTH / 2, _BAR / 2)
    draw.text(middle, "Final exam", fill=(240, 244, 250), font=font, anchor="mm")
    return frame


def _draw_sheet() -> Image.Image:
    sheet = Image.new("RGB", (WIDTH, _LONG), (236, 239, 244))
    draw = ImageDraw.Draw(sheet)
    large, small = ImageFont.load_default(size=19), ImageFont.load_default(size=15)
    draw.rectangle((60, 24, WIDTH - 60, _LONG - 24), fill=(255, 255, 255))
    y = 48
    for title, lines, answers in _QUESTIONS:
        draw.text((86, y), title, fill=(42, 60, 98), font=large)
        y += 34
        for line in lines:
            draw.text((86, y), line, fill=(60, 64, 74), font=small)
            y += 24
        for answer in range(answers):
            box = (90, y + 6, 104, y + 20)
            draw.ellipse(box, outline=(120, 130, 150), width=2)
            if answer == 1:
                draw.ellipse((94, y + 10, 100, y + 16), fill=(70, 110, 190))
            draw.rounded_rectangle((116, y + 9, 240 + answer * 31, y + 17), 4, fill=(214, 219, 228))
            y += 27
        if answers == 0:
            draw.rounded_rectangle((86, y + 8, WIDTH - 90, y + 104), 6, outline=(190, 198, 212))
            y += 112
        if answers < 0:
            points = [(x, y + 60 - 40 * math.sin((x - 90) / 36)) for x in range(90, WIDTH - 90, 3)]
            draw.line(points, fill=(214, 120, 96), width=3)
            draw.line([(86, y + 60), (WIDTH - 86, y + 60)], fill=(180, 188, 204))
            y += 124
        y += 28
    return sheet
