"""Cutting files into chunks: code along its definitions, Markdown along headings, other text by lines."""
