"""What each command of the command line may be told, and does."""
