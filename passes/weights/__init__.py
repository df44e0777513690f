"""Passes over weights: what they are, how they lie and in which types, and what is done to them once."""
