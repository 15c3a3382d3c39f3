"""Plugins: subscriptions to stages and their registrations, with or without a queue."""
