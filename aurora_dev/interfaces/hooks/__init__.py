"""Assistants' hooks: what Aurora adds to a conversation at its start and at each prompt, and what it takes in."""
