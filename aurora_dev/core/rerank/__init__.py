"""Rerankers and their shared parts."""
