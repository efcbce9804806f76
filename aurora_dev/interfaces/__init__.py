"""The interfaces for people and agents: the command line, the MCP server and assistants' configuration files."""
