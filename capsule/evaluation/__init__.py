"""What the capsule network is worth: splits → models, baselines → figures → one report."""
