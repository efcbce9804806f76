"""The stages of a search: candidates, fusion, signals, reranking."""
