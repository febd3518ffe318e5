"""Controllers that come in: a DAW's or a fader's hand on the desk.

102 to 110 have no meaning of their own, and are not those that are sent: a loop moves nothing. All
Sound Off (120), what a panic button sends, is one here too.
"""

from __future__ import annotations

from bridge import desk
from bridge.errors import BridgeError
from bridge.wire import ALL_SOUND_OFF

NAMES = (
    "valence", "valence_share", "arousal", "arousal_share", "strength", "temperature",
    "hold", "mute", "panic",
)  # fmt: skip
FIRST = 102
NUMBERS: tuple[int | None, ...] = tuple(range(FIRST, FIRST + len(NAMES)))
CENTRE, TOP = 64, 127  # a switch is on from the centre up
CONTROL = 0xB0


class ControlIn:
    """Takes messages, turns the desk.

    `numbers`: the controller of each of NAMES, None for one that is left out; `channel` counts from
    1, None is any. BridgeError if a number cannot serve.
    """

    def __init__(
        self, numbers: tuple[int | None, ...] = NUMBERS, channel: int | None = None
    ) -> None:
        check(numbers)
        pairs = zip(numbers, NAMES, strict=True)
        self._names = {number: name for number, name in pairs if number is not None}
        self._channel = channel
        self._pressed = False

    def push(self, message: bytes, cells: desk.Desk) -> None:
        """Take one whole message; what is no controller of ours is passed over."""
        if len(message) != 3 or message[0] & 0xF0 != CONTROL or max(message[1:]) > TOP:
            return
        if self._channel is not None and message[0] & 0x0F != self._channel - 1:
            return
        number, position = message[1], message[2]
        if number == ALL_SOUND_OFF:
            desk.panic(cells)
        elif number in self._names:
            self._turn(self._names[number], position, cells)

    def _turn(self, name: str, position: int, cells: desk.Desk) -> None:
        if name == "panic":
            pressed = position >= CENTRE
            if pressed and not self._pressed:  # a button also tells when it is let go
                desk.panic(cells)
            self._pressed = pressed
        elif name in desk.SWITCHES:
            desk.turn(cells, name, position >= CENTRE)
        else:
            desk.turn(cells, name, value_of(name, position))
            share = f"{name}_share"
            if share in desk.RANGES and not getattr(cells, share):
                desk.turn(cells, share, 1.0)  # who moves an axis means it


def value_of(name: str, position: int) -> float:
    """What a position from 0 to 127 means; the middle of valence and arousal, 64, is neutral."""
    low, high = desk.RANGES[name]
    if low == -high:
        return high * (position - CENTRE) / (TOP - CENTRE if position > CENTRE else CENTRE)
    return low + (high - low) * position / TOP


def check(numbers: tuple[int | None, ...]) -> None:
    """BridgeError if a controller has a meaning of its own, or two."""
    used = [number for number in numbers if number is not None]
    for number in used:
        if not 0 <= number < ALL_SOUND_OFF:
            raise BridgeError(f"Controller {number} is a channel's mode; give one from 0 to 119.")
    if len(set(used)) < len(used):
        raise BridgeError("Two incoming controllers have the same number; give each its own.")
