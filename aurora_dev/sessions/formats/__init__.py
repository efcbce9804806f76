"""The formats of transcripts: a module for each assistant, and the protocol that they share in ``events``."""
