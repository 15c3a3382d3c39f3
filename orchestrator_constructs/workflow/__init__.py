"""Workflows: activities in an order, and states for machines of a team's own."""
