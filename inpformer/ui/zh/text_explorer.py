"""text_explorer in Simplified Chinese."""
