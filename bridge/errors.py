"""The one exception of this package."""


class BridgeError(Exception):
    """What the user asked of the live wire cannot be done; the message is one clear sentence."""
