"""The state of machines, batches and tags as a function of the logs.

Each channel has a state of its own, which depends only on the readings of this channel and their order. A rebuild from
the first reading therefore gives the same state as a live follower, however the channels were interleaved.
"""
