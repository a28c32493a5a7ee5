"""text_fewshot in Simplified Chinese."""
