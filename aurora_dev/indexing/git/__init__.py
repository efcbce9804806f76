"""What git knows of a project: its repositories, their tracked files, and the wildcards of ignore rules."""
