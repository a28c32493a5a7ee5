"""Sentences of the Compare tab."""
