"""What the authors of plugins in Python write with: the ``plugin`` decorator and all that is behind it."""
