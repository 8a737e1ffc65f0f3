"""What is seen in a frame: from a network's output to instruments, structures and distances, as plain data."""
