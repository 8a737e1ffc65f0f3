"""From scenes to the one suggestion shown."""
