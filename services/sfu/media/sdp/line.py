"""The lines of a session description: bounded, printable, numbered."""

from collections.abc import Iterator
from dataclasses import dataclass

MAX_SDP_BYTES = 65_536
MAX_LINES = 4_096
MAX_LINE_CHARACTERS = 2_048

EXCERPT_CHARACTERS = 80


class MalformedSdp(ValueError):
    """What a client sent is no session description. The text may be shown to that client."""

    def __init__(self, line: "Line", problem: str) -> None:
        super().__init__(f"line {line.number}: {problem}")
        self.line_number = line.number
        self.excerpt = line.excerpt
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Line:
    """`number` counts from 1. `text` has no line end."""

    number: int
    text: str

    @property
    def excerpt(self) -> str:
        """The beginning of the line, with nothing that a log or a page could stumble over."""
        shown = "".join(c if c.isascii() and c.isprintable() else "?" for c in self.text)
        if len(shown) <= EXCERPT_CHARACTERS:
            return shown
        return shown[: EXCERPT_CHARACTERS - 1] + "…"

    @property
    def attribute(self) -> tuple[str, str]:
        """Name and value of an a= line, ("", "") of any other; the value is "" for a flag."""
        if not self.text.startswith("a="):
            return "", ""
        name, _, value = self.text[2:].partition(":")
        return name, value


def split(text: str) -> list[Line]:
    """The lines of a description. Raises MalformedSdp."""
    start = Line(1, text[:EXCERPT_CHARACTERS].partition("\n")[0].rstrip("\r"))
    if len(text) > MAX_SDP_BYTES or len(text.encode(errors="replace")) > MAX_SDP_BYTES:
        raise MalformedSdp(start, f"the description has more than {MAX_SDP_BYTES} bytes")
    lines = list(_lines(text))
    if len(lines) > MAX_LINES:
        raise MalformedSdp(start, f"the description has more than {MAX_LINES} lines")
    for line in lines:
        _check(line)
    return lines


def _lines(text: str) -> Iterator[Line]:
    # Not splitlines(), which also ends a line at a form feed or U+2028. RFC 8866 section 9 asks
    # for CRLF and advises to accept a bare LF.
    for index, line in enumerate(text.split("\n"), start=1):
        stripped = line.removesuffix("\r")
        if stripped:
            yield Line(index, stripped)


def _check(line: Line) -> None:
    if len(line.text) > MAX_LINE_CHARACTERS:
        raise MalformedSdp(line, f"the line has more than {MAX_LINE_CHARACTERS} characters")
    # Names in s= and i= may be of any script.
    if not line.text.isprintable():
        raise MalformedSdp(line, "the line has a control character")
    if len(line.text) < 2 or line.text[1] != "=" or not ("a" <= line.text[0] <= "z"):
        raise MalformedSdp(line, 'a line is a letter, "=" and a value')
