"""Synthetic candidates: a drawn person with a running clock, a quiet melody, a shared screen."""
