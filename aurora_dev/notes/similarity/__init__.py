"""Comparison of notes: which are near each other, say the same, or contradict each other."""
