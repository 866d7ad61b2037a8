"""The OpenAI-compatible face below ``/v1``."""
