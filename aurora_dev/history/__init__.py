"""What a project's git history says: commits as documents, so that "why is this so" finds its commit."""
