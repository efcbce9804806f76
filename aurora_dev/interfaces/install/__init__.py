"""The assistants that Aurora connects to, and the editing of their configuration files."""
