"""Text as it is read and shown: credentials, visible characters, terms, kinds of paths."""
