"""The functions of the core: parse the event, call one flow, answer."""
