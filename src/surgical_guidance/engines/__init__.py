"""Offline tools: from a network to an engine that is quantised, built, verified, measured and deployed."""
