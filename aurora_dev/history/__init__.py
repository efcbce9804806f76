"""The git history of a project: commits as documents, so that "why is this so" finds its commit."""
