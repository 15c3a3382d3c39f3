"""The ports that are not tables, over boto3 clients."""
