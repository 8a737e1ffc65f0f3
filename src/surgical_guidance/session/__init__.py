"""One run from the command line: starts the processes, watches what they say, and sums it up."""
