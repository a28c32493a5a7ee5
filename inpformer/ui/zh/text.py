"""text in Simplified Chinese."""
