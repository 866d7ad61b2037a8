"""Guidelines as people read them: Markdown whose text can never become a script, a request or another page's look."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markupsafe import Markup

SCHEMES = frozenset({"http", "https", "mailto"})
#: a page has its own two levels of headings above whatever people write
DEEPER = 2


def _is_safe(address: str) -> bool:
    """Whether a link may stand: to another site or a mailbox, spelt out. Anything else stays the text that it is."""
    try:
        return urlsplit(address.strip()).scheme.lower() in SCHEMES
    except ValueError:
        return False


class _Renderer(RendererHTML):
    """Headings below the page's own; links that tell the other site nothing."""

    def heading_open(self, tokens, idx, options, env):  # noqa: ANN001, ANN202 - the library's own signature
        tokens[idx].tag = f"h{min(int(tokens[idx].tag[1]) + DEEPER, 6)}"
        return self.renderToken(tokens, idx, options, env)

    heading_close = heading_open

    def link_open(self, tokens, idx, options, env):  # noqa: ANN001, ANN202 - the library's own signature
        tokens[idx].attrSet("rel", "noopener noreferrer nofollow")
        return self.renderToken(tokens, idx, options, env)


def _parser() -> MarkdownIt:
    # HTML is text here, and images are not fetched: an address in them would tell who reads.
    found = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table").disable("image")
    found.validateLink = _is_safe  # type: ignore[method-assign]
    return found


_PARSER = _parser()


@lru_cache(maxsize=64)
def markdown(text: str) -> Markup:
    r"""*text* as HTML.

    Example:
        >>> str(markdown("**Refund** <script>"))
        '<p><strong>Refund</strong> &lt;script&gt;</p>\n'
    """
    return Markup(_PARSER.render(text))  # noqa: S704 - the renderer escapes every text and knows no raw HTML
