"""text_learn in Simplified Chinese."""
