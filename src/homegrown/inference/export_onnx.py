"""An encoder, with or without its head, as one ONNX graph, written node by node from the weights.

Nothing is traced: the same weights give the same file. Opset 20 has LayerNormalization and Gelu as single operators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from homegrown.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.inference.encoder_folder import EncoderFolder

OPSET = 20
IR_VERSION = 10


class _Graph:
    """Collects nodes and weights; every method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._count = 0

    def weight(self, array: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def ints(self, *values: int) -> str:
        return self.weight(np.array(values, np.int64))

    def node(self, kind: str, *inputs: str, name: str | None = None, **options: Any) -> str:
        return self.nodes_of(kind, *inputs, names=[name] if name else None, **options)[0]

    def nodes_of(
        self, kind: str, *inputs: str, names: list[str] | None = None, n: int = 1, **options: Any
    ) -> list[str]:
        self._count += 1
        found = names or [f"n{self._count}_{i}" for i in range(n)]
        self.nodes.append(helper.make_node(kind, list(inputs), found, **options))
        return found

    def dense(self, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        return self.node("Add", self.node("MatMul", x, self.weight(weight.T)), self.weight(bias))

    def norm(self, x: str, weight: np.ndarray, bias: np.ndarray, eps: float) -> str:
        return self.node("LayerNormalization", x, self.weight(weight), self.weight(bias), axis=-1, epsilon=eps)


def write_onnx(
    folder: EncoderFolder,
    target: Path,
    head: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    multi: bool = False,
) -> None:
    """Write ``input_ids, attention_mask → embedding`` and, with a head, ``→ probs``.

    Args:
        folder: a BERT-family encoder.
        target: the file to write.
        head: float32 weight [dim, n_classes] and bias [n_classes] over the normalised embedding.
        multi: classes answered one by one (sigmoid) instead of against one another (softmax).

    Raises:
        InputError: the encoder is of another family.
    """
    if not folder.plain_bert:
        raise InputError(f"Only BERT-family encoders can be written as ONNX, not {folder.config.get('model_type')}.")
    graph = _Graph()
    weights, hidden = folder.tensors(), int(folder.config["hidden_size"])
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", hidden])]
    x, mask = _embed(graph, weights, folder), graph.node("Cast", "attention_mask", to=TensorProto.FLOAT)
    bias = graph.node(
        "Mul", graph.node("Sub", graph.weight(np.ones(1, np.float32)), mask), graph.weight(np.full(1, -1e9, np.float32))
    )
    bias = graph.node("Unsqueeze", bias, graph.ints(1, 2))
    for index in range(int(folder.config["num_hidden_layers"])):
        x = _layer(graph, weights, folder, index, x, bias)
    pooled = _pool(graph, x, mask, folder.pooling)
    length = graph.node("ReduceL2", pooled, graph.ints(1), keepdims=1)
    graph.node("Div", pooled, length, name="embedding")
    if head is not None:
        logits = graph.dense("embedding", head[0].T.astype(np.float32), head[1].astype(np.float32))
        graph.node("Sigmoid", logits, name="probs") if multi else graph.node("Softmax", logits, name="probs", axis=-1)
        outputs.append(helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["batch", len(head[1])]))
    shape = ["batch", "tokens"]
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, shape) for n in ("input_ids", "attention_mask")]
    made = helper.make_graph(graph.nodes, "homegrown", inputs, outputs, graph.weights)
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="homegrown"
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def _embed(graph: _Graph, weights: dict[str, np.ndarray], folder: EncoderFolder) -> str:
    places = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    tokens = graph.node("Gather", graph.node("Shape", "input_ids"), graph.weight(np.array(1, np.int64)), axis=0)
    order = graph.node("Range", graph.weight(np.array(0, np.int64)), tokens, graph.weight(np.array(1, np.int64)))
    word = graph.node("Gather", graph.weight(weights["embeddings.word_embeddings.weight"]), "input_ids", axis=0)
    x = graph.node("Add", word, graph.node("Gather", graph.weight(places), order, axis=0))
    norm = weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"]
    return graph.norm(x, *norm, float(folder.config["layer_norm_eps"]))


def _layer(graph: _Graph, weights: dict[str, np.ndarray], folder: EncoderFolder, index: int, x: str, bias: str) -> str:
    def pair(name: str) -> tuple[np.ndarray, np.ndarray]:
        return weights[f"encoder.layer.{index}.{name}.weight"], weights[f"encoder.layer.{index}.{name}.bias"]

    heads, eps = int(folder.config["num_attention_heads"]), float(folder.config["layer_norm_eps"])
    size = int(folder.config["hidden_size"]) // heads
    split = graph.ints(0, 0, heads, size)

    def by_head(name: str, order: list[int]) -> str:
        rows = graph.node("Reshape", graph.dense(x, *pair(f"attention.self.{name}")), split)
        return graph.nodes_of("Transpose", rows, perm=order)[0]

    q, k, v = by_head("query", [0, 2, 1, 3]), by_head("key", [0, 2, 3, 1]), by_head("value", [0, 2, 1, 3])
    scores = graph.node("Mul", graph.node("MatMul", q, k), graph.weight(np.full(1, size**-0.5, np.float32)))
    shares = graph.node("Softmax", graph.node("Add", scores, bias), axis=-1)
    seen = graph.nodes_of("Transpose", graph.node("MatMul", shares, v), perm=[0, 2, 1, 3])[0]
    seen = graph.node("Reshape", seen, graph.ints(0, 0, heads * size))
    x = graph.node("Add", x, graph.dense(seen, *pair("attention.output.dense")))
    x = graph.norm(x, *pair("attention.output.LayerNorm"), eps)
    inner = graph.node("Gelu", graph.dense(x, *pair("intermediate.dense")))
    x = graph.node("Add", x, graph.dense(inner, *pair("output.dense")))
    return graph.norm(x, *pair("output.LayerNorm"), eps)


def _pool(graph: _Graph, x: str, mask: str, pooling: str) -> str:
    if pooling == "cls":
        return graph.node("Gather", x, graph.weight(np.array(0, np.int64)), axis=1)
    weight = graph.node("Unsqueeze", mask, graph.ints(2))
    total = graph.node("ReduceSum", graph.node("Mul", x, weight), graph.ints(1), keepdims=0)
    return graph.node("Div", total, graph.node("ReduceSum", weight, graph.ints(1), keepdims=0))
