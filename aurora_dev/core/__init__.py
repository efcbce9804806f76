"""Stages of retrieval: types, embeddings, storage, ranking and reranking."""
