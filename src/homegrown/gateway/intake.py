"""A caller's body, read no further than is needed, so that it can be passed on byte for byte.

Only the names at the top of the document are looked at. A name that stands there twice is refused: we and the
upstream might each believe another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from homegrown.core.routing import check_name
from homegrown.core.traces import Wire
from homegrown.errors import InputError
from homegrown.gateway.bodies import STEERING

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NAME = msgspec.json.Decoder(str)
_SPACE = b" \t\r\n"
_BOXES = ("metadata", "extra_body", "litellm_params")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        body: as it came.
        text: the same, decoded.
        model: that it names.
        is_stream: whether the answer is to come in pieces.
        span: where the name of the model stands in *body*, its quotes included.
    """

    wire: Wire
    body: bytes
    text: str
    model: str
    is_stream: bool
    span: tuple[int, int]

    def renamed(self, model: str | None) -> bytes:
        """The body with another model's name in its place, and nothing else touched; as it came for None.

        Example:
            >>> asked = read(Wire.CHAT, b'{ "model":"a", "n":1 }')
            >>> asked.renamed("b"), asked.renamed(None)
            (b'{ "model":"b", "n":1 }', b'{ "model":"a", "n":1 }')
        """
        if model is None or model == self.model:
            return self.body
        start, end = self.span
        return self.body[:start] + msgspec.json.encode(model) + self.body[end:]


def read(wire: Wire, body: bytes) -> Asked:
    """Look at the body of a request.

    Raises:
        InputError: it is no JSON object, names no model or something twice, or would steer where it is sent.
    """
    fields = _decoded(body)
    _refuse_steering(fields)
    if "model" not in fields:
        raise InputError("The request names no model: give 'model'.")
    try:
        model = _NAME.decode(fields["model"])
        text = body.decode("utf-8")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("The request's body does not fit: 'model' is a text, and the whole is UTF-8.") from error
    check_name("name of a model", model)
    is_stream = bytes(fields.get("stream", b"false")) == b"true"
    return Asked(wire, body, text, model, is_stream, _span(body, fields))


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        return _FIELDS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("The request's body is no JSON object.") from error


def _refuse_steering(fields: dict[str, Any]) -> None:
    names = set(fields)
    for box in _BOXES:
        if box in fields:
            try:
                names |= {f"{box}.{name}" for name in _FIELDS.decode(fields[box])}
            except msgspec.DecodeError:
                continue  # not an object: the upstream may say so
    for name in names:
        if name.rpartition(".")[2].lower().replace("-", "_") in STEERING:
            raise InputError(f"The field {name[:60]!r} is not taken in a request.")


def _span(body: bytes, fields: dict[str, Any]) -> tuple[int, int]:
    """Where the value of ``model`` stands; walks over the top of the document by the lengths of its values."""
    found, n_seen = None, 0
    place = _after(body, body.index(b"{") + 1)
    while body[place] != ord("}"):
        end = _end_of_string(body, place)
        name = _NAME.decode(body[place:end])
        place = _after(body, _after(body, end) + 1)
        value = fields[name]
        length, n_seen = len(memoryview(value)), n_seen + 1
        if body[place : place + length] != bytes(value) or n_seen > len(fields):
            raise InputError(f"The request's body says {name[:60]!r} twice.")
        if name == "model":
            found = place, place + length
        place = _after(body, place + length)
        if body[place] == ord(","):
            place = _after(body, place + 1)
    if found is None:
        raise InputError("The request names no model: give 'model'.")
    return found


def _after(body: bytes, place: int) -> int:
    """The first place from *place* on that is no space."""
    while body[place] in _SPACE:
        place += 1
    return place


def _end_of_string(body: bytes, place: int) -> int:
    end = place + 1
    while body[end] != ord('"'):
        end += 2 if body[end] == ord("\\") else 1
    return end + 1
