"""A candidate at a desk, frame by frame: everything that does not move is drawn once."""

import math
import random
import unicodedata
from datetime import datetime

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from scripts.bot.look import Look, shade
from scripts.bot.portrait import (
    BODY_SIZE,
    GAZES,
    HEAD_SIZE,
    SMOOTH,
    Gaze,
    draw_body,
    draw_hand,
    draw_head,
)

# Pixels.
WIDTH, HEIGHT = 480, 270
_DESK_TOP = 236
_BLINK_S = 0.18

# A picture, where it goes, and how much of each pixel counts.
Pill = tuple[Image.Image, tuple[int, int], Image.Image]


class Scene:
    """`draw` gives the picture of a moment, WIDTH by HEIGHT, RGB."""

    def __init__(self, name: str, look: Look, seed: int) -> None:
        # Not for secrets: each bot moves in a way of its own, the same at every start.
        self._random = random.Random(seed)
        self._phase = self._random.uniform(0, 20)
        self._heads = {gaze: draw_head(look, gaze) for gaze in GAZES}
        self._body = draw_body(look)
        self._hand = draw_hand(look)
        self._room = _draw_room(look)
        self._desk = _draw_desk(look)
        self._font = ImageFont.load_default(size=15)
        self._room.paste(*_pill(plain(name), self._font))
        self._clock_text = ""
        self._clock = _pill("", self._font)
        self._gaze: Gaze = "ahead"
        self._gaze_until_s = 0.0
        self._blink_s = 2.0

    def draw(self, at_s: float, now: datetime) -> Image.Image:
        """`at_s` rises from frame to frame; `now` is what the clock shows."""
        picture = self._room.copy()
        wave = at_s + self._phase
        sway = 7 * math.sin(wave * 0.7) + 2.5 * math.sin(wave * 1.9)
        breath = 1.6 * math.sin(wave * 1.4)
        nod = 3 * math.sin(wave * 0.43) + (3 if self._gaze == "down" else 0)
        middle = WIDTH / 2
        body = (round(middle - BODY_SIZE[0] / 2 + sway * 0.35), round(150 + breath))
        head = (round(middle - HEAD_SIZE[0] / 2 + sway), round(6 + breath + nod))
        picture.paste(self._body, body, self._body)
        image = self._heads[self._look_at(at_s)]
        picture.paste(image, head, image)
        picture.paste(self._desk, (0, _DESK_TOP), self._desk)
        writing = math.sin(wave * 0.31) > -0.4
        stroke = (wave * 9) % 46 if writing else 0
        jitter = 2.5 * math.sin(wave * 11) if writing else 0
        hand = (round(296 + stroke), round(216 + jitter))
        picture.paste(self._hand, hand, self._hand)
        picture.paste(*self._clock_face(now))
        return picture

    def _look_at(self, at_s: float) -> Gaze:
        if at_s >= self._gaze_until_s:
            gazes: tuple[Gaze, ...] = ("ahead", "ahead", "down", "down", "left", "right")
            self._gaze = self._random.choice(gazes)
            self._gaze_until_s = at_s + self._random.uniform(0.8, 3.5)
        if at_s >= self._blink_s + _BLINK_S:
            self._blink_s = at_s + self._random.uniform(1.5, 5)
        return "closed" if at_s >= self._blink_s else self._gaze

    def _clock_face(self, now: datetime) -> Pill:
        text = f"{now:%H:%M:%S}"
        if text != self._clock_text:
            self._clock_text = text
            # Digits are of different widths: the pill must not breathe with the seconds.
            self._clock = _pill(text, self._font, right=WIDTH - 10, room_for="00:00:00")
        return self._clock


def plain(text: str) -> str:
    """Without the marks that Pillow's own font has no letters for."""
    split = unicodedata.normalize("NFKD", text)
    return split.encode("ascii", "ignore").decode() or "?"


def _pill(
    text: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    *,
    right: int | None = None,
    room_for: str = "",
) -> Pill:
    """White text in a dark pill at the upper left, or ending at `right`."""
    width = round(max(font.getbbox(text)[2], font.getbbox(room_for)[2])) + 22
    height = 25
    shape = Image.new("L", (width * SMOOTH, height * SMOOTH), 0)
    box = (0, 0, width * SMOOTH - 1, height * SMOOTH - 1)
    ImageDraw.Draw(shape).rounded_rectangle(box, height * SMOOTH // 2, fill=255)
    pill = Image.new("RGB", (width, height), (44, 54, 68))
    mask = shape.resize((width, height), Image.Resampling.LANCZOS)
    middle = (width / 2, height / 2)
    ImageDraw.Draw(pill).text(middle, text, fill=(250, 250, 250), font=font, anchor="mm")
    return pill, (10 if right is None else right - width, 10), mask


def _draw_room(look: Look) -> Image.Image:
    """The wall and one thing on it, a little out of focus."""
    size = (WIDTH * 2, HEIGHT * 2)
    light = Image.linear_gradient("L").resize(size)
    room = Image.composite(
        Image.new("RGB", size, look.floor), Image.new("RGB", size, look.wall), light
    )
    draw = ImageDraw.Draw(room)
    _FURNITURE[look.room](draw, look)
    room = room.filter(ImageFilter.GaussianBlur(3))
    return room.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _window(draw: ImageDraw.ImageDraw, look: Look) -> None:
    draw.rounded_rectangle((60, 96, 300, 400), 12, fill=(250, 250, 250))
    for left in (74, 186):
        for top in (110, 254):
            draw.rectangle((left, top, left + 100, top + 132), fill=(190, 222, 244))
            draw.ellipse((left + 10, top + 84, left + 96, top + 160), fill=(160, 204, 170))
    draw.rectangle((40, 400, 320, 416), fill=shade(look.floor, 0.9))


def _shelf(draw: ImageDraw.ImageDraw, look: Look) -> None:
    colours = (look.accent, (206, 130, 100), (96, 118, 150), (232, 196, 130), (150, 104, 120))
    for shelf, top in enumerate((150, 290)):
        for left in (30, 660):
            draw.rectangle((left, top + 100, left + 260, top + 112), fill=shade(look.floor, 0.7))
            for book in range(7):
                height = 60 + (book * 37 + shelf * 23 + left) % 36
                x = left + 14 + book * 33
                fill = colours[(book + shelf + left) % len(colours)]
                draw.rectangle((x, top + 100 - height, x + 26, top + 100), fill=fill)


def _plant(draw: ImageDraw.ImageDraw, look: Look) -> None:
    draw.polygon([(730, 370), (870, 370), (850, 500), (750, 500)], fill=look.accent)
    for angle in range(-70, 71, 20):
        x = 800 + 190 * math.sin(math.radians(angle))
        y = 370 - 230 * math.cos(math.radians(angle))
        green = (84 + abs(angle), 150 + angle // 4, 104)
        draw.line([(800, 376), (x, y)], fill=green, width=9)
        draw.ellipse((x - 34, y - 26, x + 34, y + 26), fill=green)
    draw.ellipse((90, 110, 270, 290), outline=shade(look.floor, 0.86), width=14)


def _lamp(draw: ImageDraw.ImageDraw, look: Look) -> None:
    for step in range(12):
        r = 210 - step * 14
        part = step / 12
        glow = tuple(
            round(wall + (warm - wall) * part * 0.7)
            for wall, warm in zip(look.wall, look.accent, strict=True)
        )
        draw.ellipse((180 - r, 220 - r, 180 + r, 220 + r), fill=(glow[0], glow[1], glow[2]))
    draw.rectangle((174, 230, 186, 520), fill=shade(look.floor, 0.6))
    draw.polygon([(130, 150), (230, 150), (270, 240), (90, 240)], fill=(255, 240, 205))
    draw.rounded_rectangle((690, 110, 890, 250), 8, fill=(250, 246, 240))
    draw.polygon([(704, 236), (760, 160), (800, 206), (836, 176), (876, 236)], fill=look.floor)


def _poster(draw: ImageDraw.ImageDraw, look: Look) -> None:
    draw.rectangle((70, 90, 270, 360), fill=(250, 248, 244))
    draw.rectangle((84, 104, 256, 346), fill=shade(look.shirt, 1.25))
    draw.ellipse((124, 140, 216, 232), fill=look.accent)
    draw.polygon([(84, 346), (150, 240), (200, 300), (226, 268), (256, 346)], fill=look.floor)
    draw.rectangle((680, 220, 900, 232), fill=shade(look.floor, 0.7))
    draw.rectangle((710, 160, 760, 220), fill=look.accent)
    draw.ellipse((800, 150, 870, 220), fill=shade(look.shirt, 1.4))


def _curtain(draw: ImageDraw.ImageDraw, look: Look) -> None:
    draw.rectangle((0, 60, WIDTH * 2, 72), fill=shade(look.floor, 0.7))
    for left in (*range(20, 260, 30), *range(710, 950, 30)):
        part = 0.96 + 0.06 * ((left // 30) % 2)
        draw.rounded_rectangle((left, 66, left + 30, 560), 14, fill=shade(look.accent, part * 1.25))


_FURNITURE = {
    "window": _window,
    "shelf": _shelf,
    "plant": _plant,
    "lamp": _lamp,
    "poster": _poster,
    "curtain": _curtain,
}


def _draw_desk(look: Look) -> Image.Image:
    """The desk's edge with a sheet of paper, transparent above."""
    height = HEIGHT - _DESK_TOP
    desk = Image.new("RGBA", (WIDTH * SMOOTH, height * SMOOTH), (0, 0, 0, 0))
    draw = ImageDraw.Draw(desk)
    wood = shade((196, 154, 116), 0.9 + 0.02 * (sum(look.wall) % 10))
    draw.rectangle((0, 8 * SMOOTH, WIDTH * SMOOTH, height * SMOOTH), fill=wood)
    draw.rectangle((0, 8 * SMOOTH, WIDTH * SMOOTH, 10 * SMOOTH), fill=shade(wood, 1.12))
    sheet = [(262, 14), (382, 14), (404, 34), (244, 34)]
    scaled = [(x * SMOOTH, y * SMOOTH) for x, y in sheet]
    draw.polygon(scaled, fill=(250, 249, 245))
    for line in range(3):
        y = (18 + line * 5) * SMOOTH
        draw.line(
            [(272 * SMOOTH, y), ((350 - line * 16) * SMOOTH, y)], fill=(170, 176, 190), width=3
        )
    return desk.resize((WIDTH, height), Image.Resampling.LANCZOS)
