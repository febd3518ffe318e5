"""The one exception of this package."""


class MusicError(Exception):
    """What the user asked of the music side cannot be done; the message is one clear sentence."""
