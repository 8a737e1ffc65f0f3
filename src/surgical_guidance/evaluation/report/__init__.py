"""The report: one HTML page that needs nothing from anywhere, and ``report.json`` with all numbers."""
