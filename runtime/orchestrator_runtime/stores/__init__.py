"""The three tables: conditional writes, consistent reads, and nothing decided."""
