"""The tools that an assistant can call: a file for each family, the registry that lists them, and what they share."""
