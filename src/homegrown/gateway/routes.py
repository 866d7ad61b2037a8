"""Routes below ``/v1``, as OpenAI's clients call them. A model there is one of our endpoints."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from homegrown.core.access import Permission
from homegrown.errors import NotFoundError
from homegrown.gateway import chat
from homegrown.gateway.bodies import ChatBody, EmbeddingsBody
from homegrown.web.answers import Shape, json_response
from homegrown.web.call import Part
from homegrown.web.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.serve import Engine
    from homegrown.web.call import Call

ENCODER = "all-minilm-l6-v2"
MAX_BODY = 4 << 20


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "homegrown"}


async def list_models(call: Call) -> Response:
    """Endpoints that answer now, and the encoder."""
    engine: Engine = call.part("engine")
    return json_response({"object": "list", "data": [_model(n) for n in (*sorted(engine.live), ENCODER)]})


async def get_model(call: Call) -> Response:
    """One endpoint."""
    name: str = call.path["model"]
    if name != ENCODER:
        await call.part("engine").find(name)
    return json_response(_model(name))


async def embeddings(call: Call) -> Response:
    """Vectors of the frozen encoder, rows of length 1."""
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


def _route(path: str, handler: Any, **options: Any) -> Route:
    return Route(path, handler, Permission.CALL, shape=Shape.OPENAI, max_body=MAX_BODY, **options)


ROUTES: tuple[Route, ...] = (
    _route(chat.ROUTE, chat.chat, methods=("POST",), body=ChatBody),
    _route("/v1/embeddings", embeddings, methods=("POST",), body=EmbeddingsBody),
    _route("/v1/models", list_models),
    _route("/v1/models/{model}", get_model),
)
PARTS: dict[str, Part] = {}
