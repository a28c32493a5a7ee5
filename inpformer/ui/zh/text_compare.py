"""text_compare in Simplified Chinese."""
