"""A rendered operation with exact truth."""
