"""How a bot looks: colours, hair and room, chosen so that six beside each other are told apart."""

from dataclasses import dataclass
from typing import Literal

Colour = tuple[int, int, int]
Hair = Literal["short", "long", "bun", "curls", "scarf", "bald"]
Room = Literal["window", "shelf", "plant", "lamp", "poster", "curtain"]


@dataclass(frozen=True, slots=True)
class Look:
    wall: Colour
    floor: Colour
    accent: Colour
    skin: Colour
    hair_colour: Colour
    shirt: Colour
    hair: Hair
    room: Room
    glasses: bool = False
    beard: bool = False


LOOKS = (
    Look(
        wall=(205, 221, 228),
        floor=(166, 190, 203),
        accent=(244, 190, 122),
        skin=(141, 92, 64),
        hair_colour=(38, 28, 30),
        shirt=(233, 166, 92),
        hair="curls",
        room="window",
    ),
    Look(
        wall=(236, 222, 206),
        floor=(213, 190, 168),
        accent=(130, 160, 140),
        skin=(238, 200, 168),
        hair_colour=(112, 76, 48),
        shirt=(92, 128, 140),
        hair="short",
        room="shelf",
        glasses=True,
    ),
    Look(
        wall=(214, 226, 208),
        floor=(181, 203, 176),
        accent=(232, 140, 120),
        skin=(246, 214, 184),
        hair_colour=(34, 30, 40),
        shirt=(214, 108, 104),
        hair="bun",
        room="plant",
    ),
    Look(
        wall=(226, 214, 232),
        floor=(196, 178, 208),
        accent=(250, 214, 130),
        skin=(196, 144, 104),
        hair_colour=(46, 32, 30),
        shirt=(112, 100, 160),
        hair="long",
        room="lamp",
    ),
    Look(
        wall=(212, 218, 236),
        floor=(176, 184, 212),
        accent=(240, 150, 110),
        skin=(226, 178, 140),
        hair_colour=(66, 50, 44),
        shirt=(70, 92, 132),
        hair="bald",
        room="poster",
        beard=True,
    ),
    Look(
        wall=(240, 220, 220),
        floor=(216, 186, 190),
        accent=(110, 150, 160),
        skin=(220, 168, 130),
        hair_colour=(64, 116, 124),
        shirt=(44, 86, 96),
        hair="scarf",
        room="curtain",
    ),
)


def shade(colour: Colour, by: float) -> Colour:
    """Darker below 1, lighter above."""
    red, green, blue = (max(0, min(255, round(part * by))) for part in colour)
    return red, green, blue
