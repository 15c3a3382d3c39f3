"""Activities: stages, their topics, and the state machine that takes a run through them."""
