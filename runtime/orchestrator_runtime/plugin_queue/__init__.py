"""The functions around a plugin's queue: one feeds a FIFO queue, one reports what died in a queue.

They import the standard library, boto3 and the contract only, so that they need no layer.
"""
