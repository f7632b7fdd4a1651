"""Clients of the browser protocol, one folder for each language."""
