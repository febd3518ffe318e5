"""How fast and how punctual this machine is."""
