"""Benchmarks of others, run by their own code on our models."""
