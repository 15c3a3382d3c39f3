"""Runs: started, watched, drawn."""
