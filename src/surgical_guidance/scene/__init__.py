"""What is seen in a frame, as plain data."""
