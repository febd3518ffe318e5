"""What a DAW is sent, as a musician asks for it: channel, pitch, velocity, program, controllers.

Pure functions between *mind* and *hand*. Channels and programs count from 1 here, as people do.
"""

import math
from dataclasses import dataclass, field, replace

from bridge.daw.control import ControlMap
from bridge.daw.controlin import NUMBERS
from bridge.errors import BridgeError
from bridge.wire import BANK, Timed, TimedNote, TimedPulse
from music.controls import PLAIN as CONTROLS
from music.controls import Controls

CURVES = {"soft": 0.6, "linear": 1.0, "hard": 1.6}  # exponents; soft: loud is easily reached
LIGHTEST, STRONGEST = 1, 127
OCTAVE, HIGHEST = 12, 127


@dataclass(frozen=True, slots=True)
class Velocity:
    """lowest + (highest - lowest) · ((v - 1) / 126) ^ exponent."""

    exponent: float = 1.0
    lowest: int = LIGHTEST
    highest: int = STRONGEST

    def __post_init__(self) -> None:
        if not LIGHTEST <= self.lowest <= self.highest <= STRONGEST:
            raise BridgeError(
                f"Velocities from {self.lowest} to {self.highest} cannot be; give two numbers in "
                f"order from {LIGHTEST} to {STRONGEST}."
            )

    def of(self, velocity: int) -> int:
        """The velocity to send."""
        share = (velocity - LIGHTEST) / (STRONGEST - LIGHTEST)
        return round(self.lowest + (self.highest - self.lowest) * math.pow(share, self.exponent))


@dataclass(frozen=True, slots=True)
class Incoming:
    """What is taken from others: on the port `in`, or from an Ableton Link session."""

    port: str | None = None  # part of an existing one's name; None: our own virtual one
    clock: bool = False
    controls: bool = False  # controllers for the desk
    channel: int | None = None  # theirs; None: any
    numbers: tuple[int | None, ...] = NUMBERS  # theirs, in the order of bridge.controlin.NAMES
    link: bool = False  # the session's tempo and bars
    start_stop: bool = False  # and its start and stop

    @property
    def leads(self) -> bool:
        """Whether somebody else's tempo is followed."""
        return self.clock or self.link

    @property
    def heard(self) -> bool:
        """Whether anything comes in on the port."""
        return self.clock or self.controls


@dataclass(frozen=True, slots=True)
class Habits:
    """How this DAW, or this synth, wants it."""

    channel: int = 1
    transpose: int = 0  # semitones
    velocity: Velocity = field(default_factory=Velocity)
    program: int | None = None  # 1 to 128; nothing is changed unless it is asked for
    bank: tuple[int, int] | None = None  # coarse and fine
    controls: ControlMap | None = field(default_factory=ControlMap)  # None: no controllers
    clock: bool = False
    keeps: Controls = CONTROLS  # register, density, polyphony, grid
    incoming: Incoming | None = None  # what is taken from it

    @property
    def follows(self) -> bool:
        """Whether its tempo leads."""
        return self.incoming is not None and self.incoming.leads

    @property
    def aside(self) -> bool:
        """Whether anything goes to the port `control`."""
        return self.clock or self.controls is not None

    def limited(self, controls: Controls) -> Controls:
        """A composer's controls with these limits; key, tempo and the rest are the desk's."""
        own = self.keeps
        return replace(
            controls,
            lowest=own.lowest,
            highest=own.highest,
            max_density=own.max_density,
            min_density=own.min_density,
            polyphony=own.polyphony,
            quantise=own.quantise,
        )

    def shaped(self, event: Timed) -> Timed:
        """The event as it is to be sent."""
        if isinstance(event, TimedPulse):
            return event
        channel = self.channel - 1
        if not isinstance(event, TimedNote):
            return replace(event, channel=channel)
        pitch = folded(event.pitch + self.transpose)
        velocity = self.velocity.of(event.velocity)
        return replace(event, pitch=pitch, velocity=velocity, channel=channel)

    def patch(self) -> list[bytes]:
        """What sets the instrument: bank, then program; nothing unless it was asked for."""
        if self.program is None:
            return []
        channel = self.channel - 1
        banks = zip(BANK, self.bank or (), strict=False)
        select = [bytes((0xB0 | channel, controller, value)) for controller, value in banks]
        return [*select, bytes((0xC0 | channel, self.program - 1))]


def folded(pitch: int) -> int:
    """A pitch that MIDI has not, by octaves into those it has: the harmony stays."""
    if pitch < 0:
        return pitch % OCTAVE
    if pitch > HIGHEST:
        return pitch - OCTAVE * -(-(pitch - HIGHEST) // OCTAVE)
    return pitch


PLAIN = Habits(controls=None)
