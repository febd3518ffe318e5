"""Calibration live: rest, the program's own music, the listener's ratings; a profile at the end."""
