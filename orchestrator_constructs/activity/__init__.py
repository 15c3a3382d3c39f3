"""Activities: their stages, the topics of these, and the state that takes a run through them."""
