"""Assistants' conversations, read from the transcripts that they write, as records that searches find."""
