"""
How fast, small and steady it is, measured beside its peers.

``python -m benchmarks`` runs all measurements; see ``run.py``. What each row of
figures means, and what it has to reach, is in ``_targets.py``.
"""
