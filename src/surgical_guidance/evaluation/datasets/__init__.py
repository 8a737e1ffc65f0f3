"""Data with truth, one file a kind, and :func:`~surgical_guidance.evaluation.datasets.recognise.open_folder`."""
