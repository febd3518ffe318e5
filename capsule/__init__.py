"""Features in, emotion out: a capsule network whose routing probabilities are the emotion capsule."""
