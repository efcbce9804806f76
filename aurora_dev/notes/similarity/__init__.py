"""Which notes say the same, and which contradict each other."""
