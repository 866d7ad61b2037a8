"""Record → Vector: once per (content, embedder), resumable."""

from homegrown.embed.records import EmbedReport, embed_records

__all__ = ["EmbedReport", "embed_records"]
