"""The hits that a context starts from: those of a long task, and recently changed files first."""
