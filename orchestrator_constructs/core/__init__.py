"""The core: tables, queue and functions that everything else of a deployment shares."""
