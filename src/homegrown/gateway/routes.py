"""Routes below ``/v1``, as OpenAI's and Anthropic's clients call them.

A model there is one of our endpoints, or else a name that a route of the gateway takes out.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.access import Permission
from homegrown.core.traces import Wire
from homegrown.errors import NotFoundError, UnsupportedTypeError
from homegrown.gateway import chat, intake, proxy
from homegrown.gateway import messages as anthropic
from homegrown.gateway import responses as openai_responses
from homegrown.gateway.bodies import ChatBody, EmbeddingsBody
from homegrown.gateway.service import gateway
from homegrown.web.answers import Shape, json_response
from homegrown.web.call import Part
from homegrown.web.route import Route, decoded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response

    from homegrown.gateway.service import Gateway
    from homegrown.serve import Engine
    from homegrown.web.call import Call

ENCODER = "all-minilm-l6-v2"
MAX_BODY = 20 << 20
_CHAT = msgspec.json.Decoder(ChatBody)
_EMBEDDINGS = msgspec.json.Decoder(EmbeddingsBody)
_RESPONSES = msgspec.json.Decoder(openai_responses.ResponsesBody)
_MESSAGES = msgspec.json.Decoder(anthropic.MessagesBody)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "homegrown"}


async def list_models(call: Call) -> Response:
    """Endpoints that answer now, the encoder, routes by their names, and what the default route's upstream lists."""
    engine: Engine = call.part("engine")
    board = call.part("gateway").board
    names = [*sorted(engine.live), ENCODER, *(n for n in board.table.routes if n != proxy.DEFAULT_ROUTE)]
    data = [_model(n) for n in dict.fromkeys(names)]
    theirs = [m for m in await proxy.upstream_models(call) if m["id"] not in names]
    return json_response({"object": "list", "data": [*data, *theirs]})


async def get_model(call: Call) -> Response:
    """One endpoint, route, or model of the default route's upstream."""
    name: str = call.path["model"]
    table = call.part("gateway").board.table
    if name == ENCODER or (name in table.routes and name not in table.endpoints):
        return json_response(_model(name))
    if name not in table.endpoints and (found := await proxy.upstream_model(call, name)) is not None:
        return found
    await call.part("engine").find(name)
    return json_response(_model(name))


async def _asked(call: Call, wire: Wire, at_home: Callable[[Call, bytes], Awaitable[Response]]) -> Response:
    """Answer at home what names an endpoint of ours (or the encoder); send the rest where its route leads."""
    kind = call.request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedTypeError
    body = await call.request.body()
    running: Gateway = call.part("gateway")
    asked = intake.read(wire, body)
    is_ours = asked.model in running.board.table.endpoints or asked.model == ENCODER
    route = None if is_ours else running.board.find(asked.model)
    return proxy.forward(call, asked, route) if route is not None else await at_home(call, body)


async def chat_completions(call: Call) -> Response:
    """``POST /v1/chat/completions``."""
    return await _asked(call, Wire.CHAT, _chat)


async def embeddings(call: Call) -> Response:
    """``POST /v1/embeddings``."""
    return await _asked(call, Wire.EMBEDDINGS, _embeddings)


async def responses(call: Call) -> Response:
    """``POST /v1/responses``."""
    return await _asked(call, Wire.RESPONSES, _response)


async def messages(call: Call) -> Response:
    """``POST /v1/messages``, Anthropic's protocol."""
    return await _asked(call, Wire.MESSAGES, _message)


async def _response(call: Call, body: bytes) -> Response:
    call.body = decoded(body, _RESPONSES)
    return await openai_responses.respond(call, msgspec.json.decode(body))


async def _message(call: Call, body: bytes) -> Response:
    call.body = decoded(body, _MESSAGES)
    return await anthropic.message(call)


async def _chat(call: Call, body: bytes) -> Response:
    call.body = decoded(body, _CHAT)
    return await chat.chat(call)


async def _embeddings(call: Call, raw: bytes) -> Response:
    """Vectors of the frozen encoder, rows of length 1."""
    call.body = decoded(raw, _EMBEDDINGS)
    body: EmbeddingsBody = call.body
    texts = body.texts()
    if body.model != ENCODER:
        raise NotFoundError(f"There is no encoder {body.model[:100]!r}. The one here is {ENCODER!r}.")
    vectors = await call.part("engine").embed(texts)
    body.texts(len(vectors[0]))
    as_bytes = body.encoding_format == "base64"
    data = [
        {
            "object": "embedding",
            "index": i,
            "embedding": base64.b64encode(v.astype("<f4").tobytes()).decode() if as_bytes else v.tolist(),
        }
        for i, v in enumerate(vectors)
    ]
    n_words = sum(len(t.split()) for t in texts)
    usage = {"prompt_tokens": n_words, "total_tokens": n_words}
    return json_response({"object": "list", "data": data, "model": body.model, "usage": usage})


def _route(path: str, handler: Any, shape: Shape = Shape.OPENAI, **options: Any) -> Route:
    return Route(path, handler, Permission.CALL, shape=shape, max_body=MAX_BODY, **options)


ROUTES: tuple[Route, ...] = (
    _route(chat.ROUTE, chat_completions, methods=("POST",)),
    _route(openai_responses.ROUTE, responses, methods=("POST",)),
    _route(anthropic.ROUTE, messages, Shape.ANTHROPIC, methods=("POST",)),
    _route("/v1/embeddings", embeddings, methods=("POST",)),
    _route("/v1/models", list_models),
    _route("/v1/models/{model:path}", get_model),
)
PARTS: dict[str, Part] = {"gateway": gateway}
