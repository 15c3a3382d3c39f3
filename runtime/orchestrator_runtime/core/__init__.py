"""The functional core: what the protocol decides, as pure functions over plain records."""
