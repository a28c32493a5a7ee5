"""Data sets on disk as lists of samples: which layout it is, what is in it, what is odd."""
