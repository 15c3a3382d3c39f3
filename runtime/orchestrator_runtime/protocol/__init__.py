"""The protocol's flows: load, decide, perform, until nothing is left to do.

Each flow is one function over ports. None of them knows AWS; whoever calls them
brings stores, publisher, signals and a clock.
"""
