"""The documents team's plugins: one module each, with its rules and its handler."""
