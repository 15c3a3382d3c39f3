"""The operator's view of a deployment: who is told of what, and where to look."""
