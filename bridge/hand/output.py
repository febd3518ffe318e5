"""What *hand* wants of whatever its messages go to."""

from collections.abc import Sequence
from typing import Protocol


class Output(Protocol):
    """Where messages go.

    `ahead_s`: how long before its time a message should come; 0 if it goes at once. Who takes them
    ahead marks the ledger when they have gone.
    """

    name: str
    ahead_s: float

    @property
    def lateness_ms(self) -> Sequence[float]:
        """How late the latest messages were, in ms, if they were taken ahead; else empty."""

    def send(self, message: bytes, time_s: float) -> None:
        """Send one valid message at `time_s`, which is now, or up to `ahead_s` from now and never
        before that of the one before; to the port it belongs on, if there are two.
        """

    def alive(self) -> bool:
        """False if what was opened has gone."""

    def listeners(self) -> list[str]:
        """Who is connected to us, where the system tells and would not connect them again."""

    def connect(self, listeners: list[str]) -> None:
        """Connect them again."""

    def close(self) -> None:
        """Let go of it."""


class AtOnce:
    """What outputs are that send at once, and so are asked when a message is due."""

    ahead_s = 0.0
    lateness_ms: Sequence[float] = ()
