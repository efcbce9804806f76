"""Cut files into chunks."""
