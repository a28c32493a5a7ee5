"""Training on whole data sets, on one machine or many: every setting of the papers."""
