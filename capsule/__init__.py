"""Features in, emotion out: rest → capsule network with routing → doubt gate → EmotionCapsule."""
