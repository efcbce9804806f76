"""Memories: what agents and people learn, with a life of its own. Layer between the core and the factory."""
