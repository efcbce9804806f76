"""Dense vectors: made behind an index run by a slower model, and a third candidate list of searches."""
