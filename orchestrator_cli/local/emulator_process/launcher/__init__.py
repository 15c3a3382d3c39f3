"""Runs the emulator with what it does otherwise than AWS put right.

Runs under the Python of the emulator's own environment: imports the standard library, the emulator, its own modules.

The emulator calls a function that a topic or a rule of EventBridge calls once, and loses the call if that fails. In
AWS it is an asynchronous invocation: tried again, given up in the end, and told of to the function's destinations;
and a call that finds no function, or one that does not let the topic call it, goes to the subscription's dead letter
queue.

A parallel state in JSONata loses its output, and its branches send each other's task tokens. A task that waits for its
token does not fail with its function, and errors of functions do not have their class's name. Each call that finds a
function's processes busy starts another, so that many runs at once take the machine with them. Where it enforces IAM,
it derives too little from some requests, and refuses what AWS allows. It serves web pages, and takes constant keys for
the account's root. It leaves functions running when it is killed.

What says otherwise is replaced: internals of the emulator, which are looked at first.
"""
