"""What a DAW expects of who plays into it, and what it says."""
