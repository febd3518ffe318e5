"""What is kept of a session, and what is drawn of it."""
