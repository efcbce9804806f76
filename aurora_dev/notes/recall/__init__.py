"""Find notes, and put them in order."""
