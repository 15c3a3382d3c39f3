"""The ``orchestrator`` command and the local environment. Never imports ``aws_cdk``."""
