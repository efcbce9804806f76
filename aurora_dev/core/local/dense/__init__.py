"""The second set of vectors of a local store: the file that holds them, and their matrix in memory."""
