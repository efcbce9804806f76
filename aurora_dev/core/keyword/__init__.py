"""The BM25 keyword index."""
