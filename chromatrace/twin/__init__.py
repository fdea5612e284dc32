"""The digital twin: control charts and prediction.

`charts` and `prediction` are pure: they take numbers and keep a bounded state. `recorded` applies them to files.
"""
