"""Finders of issues, each a small module; registered under ``homegrown.finders``."""
