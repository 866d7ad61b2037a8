"""Upstreams: model APIs outside, each bound to one origin that somebody registered."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from homegrown.errors import InputError

MAX_URL_CHARS = 500
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?\Z")
# What old resolvers take for a number of an IPv4 address: 2130706433, 0x7f.1, 0177.0.0.1
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what a key is bound to, and the unit of permission to call out.

    Attributes:
        is_private: its owner said that it stands in a network of one's own (a model server on this machine).
    """

    scheme: str
    host: str
    port: int
    is_private: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port != _PORTS[self.scheme] else "")


@dataclass(frozen=True, slots=True)
class Upstream:
    """A registered model API.

    Attributes:
        base_url: up to and with the version, such as ``https://api.example.org/v1``.
        model: what the API calls the model.
        price_in_usd: of a million tokens sent.
        price_out_usd: of a million tokens answered.
        terms: under which its answers may be used, in a word or two: ``no-training``, ``apache-2.0``.
        has_key: whether a key is kept for it; never the key itself.
    """

    upstream_id: str
    name: str
    base_url: str
    model: str
    price_in_usd: float
    price_out_usd: float
    terms: str
    is_private: bool
    has_key: bool
    created_at: str

    @property
    def origin(self) -> Origin:
        """Where it is called."""
        return origin_of(self.base_url, is_private=self.is_private)

    def cost_usd(self, n_tokens_in: int, n_tokens_out: int) -> float:
        """What so many tokens cost.

        Example:
            >>> Upstream("up_1", "gpt", "https://a.example/v1", "m", 0.15, 0.6, "", False, True, "").cost_usd(1000, 100)
            0.00021
        """
        return (n_tokens_in * self.price_in_usd + n_tokens_out * self.price_out_usd) / 1e6


def origin_of(url: str, *, is_private: bool = False) -> Origin:
    """The origin of a base URL, read strictly: one spelling of a host, and nothing beside a host and a plain path.

    Args:
        url: what somebody registers.
        is_private: whether it stands in a network of one's own; only then it may be plain HTTP or a private address.

    Raises:
        InputError: it is no such address, with the reason.

    Example:
        >>> str(origin_of("https://api.example.org/v1"))
        'https://api.example.org'
    """
    parts = _split(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    if ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]):
        _check_literal(host, is_private=is_private)
    elif not _HOST.fullmatch(host):
        raise InputError("The host of this address is not a plain name, such as api.example.org.")
    if (host == "localhost" or host.endswith(".localhost")) and not is_private:
        raise InputError(f"{host} is this machine. Say so when you register it: --private.")
    if parts.scheme == "http" and not is_private:
        raise InputError("Over http anybody on the way reads the key and the texts: use https, or --private.")
    return Origin(parts.scheme, host, port, is_private)


def _split(url: str) -> SplitResult:
    if len(url) > MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise InputError(f"The address of an upstream is plain ASCII of up to {MAX_URL_CHARS} characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError("This is no address of an upstream; it looks like https://api.example.org/v1.") from error
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise InputError("The address of an upstream begins with https:// (or http:// with --private) and a host.")
    if "@" in parts.netloc or parts.query or parts.fragment or url[-1] in "?#" or ".." in parts.path:
        raise InputError("The address of an upstream is scheme, host, port and path; a key is given by itself.")
    if not _PATH.fullmatch(parts.path):
        raise InputError("The path of an upstream's address is plain: letters, digits, - . _ ~ between slashes.")
    return parts


def _check_literal(host: str, *, is_private: bool) -> None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise InputError("Write the address as four decimal numbers, or use a name: 192.168.1.20.") from error
    reason = refusal_of(address, is_private=is_private)
    if reason:
        raise InputError(reason)


def refusal_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address, *, is_private: bool) -> str | None:
    """Why an IP address may not be called, or None when it may.

    Addresses inside other addresses (IPv4 mapped, 6to4, Teredo, NAT64) count by what they lead to.

    Args:
        address: that a name was resolved to.
        is_private: whether the origin was registered as private: then loopback and private networks are allowed.
            Link-local addresses, where clouds hand out credentials, never are.
    """
    inner = _inside(address)
    if inner.is_unspecified or inner.is_multicast or inner.is_link_local or _is_reserved(inner):
        return "This address is link-local, multicast or reserved: nothing is ever called there."
    if inner.is_global or is_private:
        return None
    return "This address lies in a private network. If it is a model server of yours, register it with --private."


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None) or address


def _is_reserved(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_reserved and not address.is_loopback
