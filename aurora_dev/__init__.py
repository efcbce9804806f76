"""Aurora: the memory of a coding assistant."""
