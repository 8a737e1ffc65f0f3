"""It notices first, says so, and keeps the evidence."""
