"""What people and agents talk to: the command line and the MCP server."""
