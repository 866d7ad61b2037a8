"""Votes on spans of a text: whose count, and what they say together."""
