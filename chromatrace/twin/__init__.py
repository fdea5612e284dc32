"""The digital twin of a plant: state of each machine and batch, alarms, forecasts and proposals.

The twin reads only the logs of readings (the spool). Everything that it stores names the channel and the log size that
it was computed from, so an auditor can repeat the computation.

`charts` and `prediction` are pure: they take numbers and keep a bounded state. `recorded` and `evaluation` apply them
to files.
"""
