"""The parts of the local store: SQLite records, the FAISS index and the indexes derived from them."""
