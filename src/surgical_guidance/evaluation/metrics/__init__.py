"""The measures themselves: plain arrays and sequences in, numbers out. Defined in full in ``docs/evaluation.md``."""
