"""Hostile input for every way in: seeds from real files, mutations, and what must hold after each.

A case is a kind and a number; the same two always give the same files.
"""
