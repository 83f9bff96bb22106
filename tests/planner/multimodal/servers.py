"""Servers that make plans, on 127.0.0.1: one that a test scripts, and llama.cpp with random weights."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from flowact.bench.free_port import free_port

Answer = Callable[[BaseHTTPRequestHandler, dict], None]


@contextlib.contextmanager
def scripted(answer: Answer) -> Iterator[tuple[str, list[dict]]]:
    """Serve `/v1/chat/completions`; yields the base address and the bodies that came."""
    bodies: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            bodies.append(body)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                answer(self, body)

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", bodies
    finally:
        server.shutdown()
        server.server_close()


def says(content: object, status: int = 200) -> Answer:
    """Answers every question with the same content of a message."""

    def answer(handler: BaseHTTPRequestHandler, _body: dict) -> None:
        completion = {"choices": [{"message": {"role": "assistant", "content": content}}]}
        send(handler, status, json.dumps(completion).encode())

    return answer


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, declared: int = 0) -> None:
    """Send a body; `declared` is the length that is promised, if not the true one."""
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(declared or len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def write_random_model(path: Path, seed: int = 0) -> Path:
    """Write a llama model of two layers whose 259 tokens are bytes; its weights are noise."""
    import gguf

    width, inner, heads, tokens = 64, 128, 4, 259
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(2)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_vocab_size(tokens)
    writer.add_tokenizer_model("llama")
    named = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    writer.add_token_list([name.encode() for name in named])
    writer.add_token_scores([0.0] * tokens)
    kinds = gguf.TokenType
    writer.add_token_types([kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * 256])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: "
    )
    _add_weights(writer, width, inner, tokens, np.random.default_rng(seed))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_weights(writer, width: int, inner: int, tokens: int, generator) -> None:
    def noise(*shape: int) -> np.ndarray:
        return (0.05 * generator.standard_normal(shape)).astype(np.float32)

    writer.add_tensor("token_embd.weight", noise(tokens, width))
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    writer.add_tensor("output.weight", noise(tokens, width))
    for layer in range(2):
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(width, np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", noise(width, width))
        for name, shape in (
            ("ffn_gate", (inner, width)),
            ("ffn_up", (inner, width)),
            ("ffn_down", (width, inner)),
        ):
            writer.add_tensor(f"blk.{layer}.{name}.weight", noise(*shape))


@contextlib.contextmanager
def llama_cpp(model: Path) -> Iterator[str]:
    """Run llama.cpp's own server with a model; yields its base address."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.hostnames, params.port = ["127.0.0.1"], free_port()
    params.n_ctx, params.n_parallel = 4096, 1
    params.warmup = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server
