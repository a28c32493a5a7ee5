"""Sentences of the Learn tab."""
