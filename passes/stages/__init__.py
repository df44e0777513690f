"""Passes that cut a model into stages: where to cut, what goes from one to the other, and when weights are needed."""
