"""Rerankers and what they share."""
