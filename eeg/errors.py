"""The one exception that this package raises for a user's mistake."""


class EegError(Exception):
    """What is wrong with a recording, a stream or a montage, in one sentence with its remedy."""
