"""Numbered migrations, one ``.sql`` file each, never edited once released."""
