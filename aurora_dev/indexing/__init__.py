"""From files on disk to documents in the store."""
