"""The one exception that this package raises for a user's mistake."""


class CapsuleError(Exception):
    """What is wrong with a capsule, a profile or weights, in one sentence with its remedy."""
