"""What bots show: moving, of the right size, with a name and a clock that anybody can read."""

from datetime import datetime

import av
import pytest
from PIL import Image, ImageChops

from scripts.bot import page, scene
from scripts.bot.camera import DrawnTrack
from scripts.bot.look import LOOKS
from scripts.bot.page import Page
from scripts.bot.scene import Scene, plain

NOON = datetime(2026, 6, 1, 12, 0, 0)


def difference(one: Image.Image, other: Image.Image) -> tuple[int, int, int, int] | None:
    return ImageChops.difference(one, other).getbbox()


@pytest.mark.parametrize("number", range(len(LOOKS)))
def test_person_moves_and_the_room_does_not(number: int) -> None:
    drawn = Scene("Ada", LOOKS[number], number)
    first, later = drawn.draw(0.0, NOON), drawn.draw(1.0, NOON)
    assert first.size == (scene.WIDTH, scene.HEIGHT)
    assert first.mode == "RGB"
    moved = difference(first, later)
    assert moved is not None
    left, top, right, _ = moved
    assert left > 60
    assert right < scene.WIDTH - 10
    assert top > 5


def test_clock_shows_the_second_and_stays_where_it_is() -> None:
    drawn = Scene("Ada", LOOKS[0], 0)
    first = drawn.draw(0.0, NOON)
    drawn = Scene("Ada", LOOKS[0], 0)
    later = drawn.draw(0.0, NOON.replace(second=1))
    changed = difference(first, later)
    assert changed is not None
    left, top, right, bottom = changed
    assert left > scene.WIDTH - 110
    assert right < scene.WIDTH - 10
    assert 8 < top < bottom < 38


def test_names_differ_at_the_upper_left_alone() -> None:
    pictures = [Scene(name, LOOKS[0], 0).draw(0.0, NOON) for name in ("Ada", "Bob")]
    changed = difference(*pictures)
    assert changed is not None
    assert changed[2] < 90
    assert changed[3] < 38


def test_looks_are_told_apart() -> None:
    pictures = {Scene("Ada", look, 0).draw(0.0, NOON).tobytes() for look in LOOKS}
    assert len(pictures) == len(LOOKS)


@pytest.mark.parametrize(
    ("name", "shown"), [("Ada", "Ada"), ("Željko Añón", "Zeljko Anon"), ("李", "?")]
)
def test_name_is_reduced_to_letters_that_the_font_has(name: str, shown: str) -> None:
    assert plain(name) == shown
    Scene(name, LOOKS[0], 0).draw(0.0, NOON)


def test_page_scrolls_there_and_back() -> None:
    shown = Page()
    top = shown.draw(0.0)
    assert top.size == (page.WIDTH, page.HEIGHT)
    assert difference(top, shown.draw(20.0)) is not None
    assert difference(top, shown.draw(40.0)) is None


def test_picture_is_encoded_so_that_vp8_decoders_read_it() -> None:
    drawn = Scene("Ada", LOOKS[0], 0)
    track = DrawnTrack(lambda at_s: drawn.draw(at_s, NOON), frames_per_s=10, bitrate=300_000)
    decoder = av.CodecContext.create("libvpx", "r")
    packets = [track.encode(number, is_key_frame=number == 3) for number in range(5)]
    assert [packet.is_keyframe for packet in packets] == [True, False, False, True, False]
    assert [packet.pts for packet in packets] == [0, 9_000, 18_000, 27_000, 36_000]
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    assert len(frames) == 5
    # The same picture, but for what VP8 leaves out.
    small = (48, 27)
    original = drawn.draw(0.4, NOON).convert("L").resize(small)
    seen = frames[-1].to_image().convert("L").resize(small)  # type: ignore[no-untyped-call]
    assert max(ImageChops.difference(original, seen).tobytes()) < 40
