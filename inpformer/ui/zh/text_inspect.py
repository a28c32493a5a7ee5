"""text_inspect in Simplified Chinese."""
