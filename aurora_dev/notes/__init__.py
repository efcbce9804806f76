"""Notes that agents and people ask to remember, and their life: repeated, corrected, superseded, stale, expired."""
