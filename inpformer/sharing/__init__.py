"""Detectors on the Hugging Face Hub: look at them, fetch them, push them."""
