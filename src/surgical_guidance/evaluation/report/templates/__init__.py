"""The report's page and its style, as package data."""
