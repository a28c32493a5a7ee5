"""How good a detector is on a data set: figures of merit, per class and picture, and a report."""
