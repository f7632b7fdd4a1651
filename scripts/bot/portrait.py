"""The person: a head that looks about and blinks, and shoulders, as pictures with transparency."""

from typing import Literal

from PIL import Image, ImageDraw, ImageFilter

from scripts.bot.look import Look, shade

Gaze = Literal["ahead", "left", "right", "down", "closed"]
GAZES: tuple[Gaze, ...] = ("ahead", "left", "right", "down", "closed")
HEAD_SIZE = (200, 210)
BODY_SIZE = (300, 130)
# Everything is drawn this much larger and made smaller, which smoothes its edges.
SMOOTH = 3

_CENTRE = (100, 104)
_IRIS_SHIFT: dict[Gaze, tuple[int, int]] = {
    "ahead": (0, 0),
    "left": (-3, 0),
    "right": (3, 0),
    "down": (0, 3),
    "closed": (0, 0),
}


class Pen:
    """Draws on a transparent picture in units of the final size."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self.image = Image.new("RGBA", (size[0] * SMOOTH, size[1] * SMOOTH), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.image)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: tuple[int, ...]) -> None:
        self._draw.ellipse(self._box(x - rx, y - ry, x + rx, y + ry), fill=fill)

    def ring(self, x: float, y: float, r: float, width: float, fill: tuple[int, ...]) -> None:
        box = self._box(x - r, y - r, x + r, y + r)
        self._draw.ellipse(box, outline=fill, width=round(width * SMOOTH))

    def bar(
        self, x: float, y: float, right: float, bottom: float, r: float, fill: tuple[int, ...]
    ) -> None:
        self._draw.rounded_rectangle(self._box(x, y, right, bottom), r * SMOOTH, fill=fill)

    def line(self, points: list[tuple[float, float]], width: float, fill: tuple[int, ...]) -> None:
        scaled = [(x * SMOOTH, y * SMOOTH) for x, y in points]
        self._draw.line(scaled, fill=fill, width=round(width * SMOOTH), joint="curve")

    def arc(
        self,
        box: tuple[float, float, float, float],
        angles: tuple[float, float],
        width: float,
        fill: tuple[int, ...],
    ) -> None:
        self._draw.arc(self._box(*box), *angles, fill=fill, width=round(width * SMOOTH))

    def slice(
        self,
        box: tuple[float, float, float, float],
        angles: tuple[float, float],
        fill: tuple[int, ...],
    ) -> None:
        self._draw.pieslice(self._box(*box), *angles, fill=fill)

    def soften(self, radius: float) -> None:
        """Blur what is there so far."""
        self.image = self.image.filter(ImageFilter.GaussianBlur(radius * SMOOTH))
        self._draw = ImageDraw.Draw(self.image)

    def finish(self) -> Image.Image:
        return self.image.resize(self._size, Image.Resampling.LANCZOS)

    def _box(
        self, left: float, top: float, right: float, bottom: float
    ) -> tuple[float, float, float, float]:
        return left * SMOOTH, top * SMOOTH, right * SMOOTH, bottom * SMOOTH


def draw_head(look: Look, gaze: Gaze) -> Image.Image:
    pen = Pen(HEAD_SIZE)
    x, y = _CENTRE
    _hair_behind(pen, look)
    dark_skin = shade(look.skin, 0.86)
    if look.hair != "scarf":
        pen.bar(x - 19, y + 30, x + 19, y + 84, 14, dark_skin)
        pen.oval(x - 45, y + 6, 8, 12, dark_skin)
        pen.oval(x + 45, y + 6, 8, 12, dark_skin)
    pen.oval(x, y, 45, 55, look.skin)
    if look.beard:
        _beard(pen, look)
    _hair_in_front(pen, look)
    _face(pen, look, gaze)
    return pen.finish()


def draw_body(look: Look) -> Image.Image:
    pen = Pen(BODY_SIZE)
    middle = BODY_SIZE[0] / 2
    pen.oval(middle, 118, 118, 96, look.shirt)
    pen.bar(middle - 118, 112, middle + 118, 200, 10, look.shirt)
    # The collar, and light from the window side.
    pen.slice((middle - 34, 2, middle + 34, 58), (0, 180), shade(look.shirt, 0.82))
    pen.slice((middle - 25, 0, middle + 25, 46), (0, 180), shade(look.skin, 0.86))
    pen.line([(middle - 62, 130), (middle - 66, 84)], 3, shade(look.shirt, 0.88))
    pen.line([(middle + 62, 130), (middle + 66, 84)], 3, shade(look.shirt, 0.88))
    return pen.finish()


def draw_hand(look: Look) -> Image.Image:
    """A hand with a pen, which writes at the lower left of the picture."""
    pen = Pen((130, 60))
    pen.line([(4, 42), (34, 6)], 4, shade(look.accent, 0.8))
    pen.line([(4, 42), (8, 37)], 3, (60, 60, 70))
    pen.line([(34, 30), (130, 62)], 26, look.shirt)
    pen.oval(34, 30, 13, 13, look.shirt)
    pen.oval(24, 26, 13, 11, look.skin)
    pen.oval(17, 22, 7, 5, shade(look.skin, 0.94))
    return pen.finish()


def _hair_behind(pen: Pen, look: Look) -> None:
    x, y = _CENTRE
    hair = look.hair_colour
    match look.hair:
        case "long":
            pen.bar(x - 56, y - 50, x + 56, y + 88, 50, hair)
        case "bun":
            pen.oval(x + 4, y - 66, 21, 19, shade(hair, 1.25))
            pen.oval(x, y - 12, 51, 54, hair)
        case "curls":
            for dx, dy, r in (
                *((-42, -22, 24), (-30, -46, 25), (-4, -58, 26), (24, -50, 26)),
                *((42, -26, 25), (-50, 2, 20), (50, 0, 20)),
            ):
                pen.oval(x + dx, y + dy, r, r, hair)
        case "scarf":
            pen.oval(x, y - 4, 57, 66, hair)
            pen.bar(x - 48, y, x + 48, y + 92, 34, shade(hair, 0.94))
        case "short":
            pen.oval(x, y - 16, 49, 50, hair)
        case "bald":
            pass


def _hair_in_front(pen: Pen, look: Look) -> None:
    x, y = _CENTRE
    hair = look.hair_colour
    match look.hair:
        case "long":
            pen.slice((x - 48, y - 62, x + 48, y + 26), (180, 360), hair)
            pen.oval(x + 12, y - 16, 36, 13, look.skin)
        case "bun" | "short":
            pen.slice((x - 48, y - 60, x + 48, y + 18), (180, 360), hair)
            pen.oval(x - 8, y - 18, 33, 10, look.skin)
        case "curls":
            for dx, dy, r in ((-30, -36, 15), (-12, -44, 16), (10, -44, 16), (30, -36, 15)):
                pen.oval(x + dx, y + dy, r, r, shade(hair, 1.2))
        case "scarf":
            # A scarf leaves an oval of the face free.
            for width in range(7):
                box = (x - 46 - width, y - 54 - width, x + 46 + width, y + 56 + width)
                pen.arc(box, (0, 360), 2, shade(hair, 1.08))
            pen.arc((x - 40, y + 40, x + 44, y + 84), (20, 160), 3, shade(hair, 0.8))
        case "bald":
            pen.oval(x - 14, y - 40, 12, 6, shade(look.skin, 1.08))


def _beard(pen: Pen, look: Look) -> None:
    x, y = _CENTRE
    pen.slice((x - 45, y - 42, x + 45, y + 60), (8, 172), look.hair_colour)
    pen.oval(x, y + 12, 33, 19, look.skin)


def _face(pen: Pen, look: Look, gaze: Gaze) -> None:
    x, y = _CENTRE
    dark = shade(look.skin, 0.72)
    brow = shade(look.hair_colour, 0.8) if look.hair != "scarf" else (58, 42, 38)
    for side in (-1, 1):
        eye = x + side * 18
        pen.arc((eye - 11, y - 19, eye + 11, y - 5), (205, 335), 3, brow)
        if gaze == "closed":
            pen.arc((eye - 8, y - 6, eye + 8, y + 5), (20, 160), 2.4, dark)
        else:
            dx, dy = _IRIS_SHIFT[gaze]
            pen.oval(eye, y, 8.5, 6.5, (252, 250, 246))
            pen.oval(eye + dx, y + dy * 0.6, 4.6, 4.9, (62, 44, 36))
            pen.oval(eye + dx - 1.4, y + dy * 0.6 - 1.6, 1.3, 1.3, (255, 255, 255))
            if gaze == "down":
                pen.slice((eye - 10, y - 9, eye + 10, y + 7), (180, 360), look.skin)
        if look.glasses:
            pen.ring(eye, y + 1, 14, 2.2, (56, 60, 72))
        pen.oval(x + side * 28, y + 20, 7, 4, _blush(look))
    if look.glasses:
        pen.line([(x - 5, y), (x + 5, y)], 2.2, (56, 60, 72))
    pen.arc((x - 6, y + 8, x + 6, y + 20), (20, 160), 2.4, dark)
    pen.arc((x - 15, y + 18, x + 15, y + 36), (25, 155), 3, (176, 84, 78))


def _blush(look: Look) -> tuple[int, int, int]:
    red, green, blue = look.skin
    return min(255, red + 12), round(green * 0.9), round(blue * 0.88)
