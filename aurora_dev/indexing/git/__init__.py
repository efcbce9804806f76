"""The repositories of a project, their tracked files, and the wildcards of git's ignore rules."""
