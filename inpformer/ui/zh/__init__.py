"""The page in Simplified Chinese: a file here for every text file above, with the same names."""
