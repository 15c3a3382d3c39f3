"""What the core could not handle: told, and handled again."""
