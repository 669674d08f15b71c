"""What README and docs show is what the program does."""
