// Binary messages from the server; the layout is described in flowact/live/protocol/binary.py.

export const Kind = Object.freeze({ H264: 1, JPEG: 2, STILL: 3, SOUND: 4 });
export const Flag = Object.freeze({ KEY: 1, FLUSH: 2, SPEAKING: 4, LAST: 8 });

const HEADER_BYTES = 68;
const PREFIX_BYTES = 5;
const TEXT = "T".charCodeAt(0);

/** Split an ArrayBuffer into its header's fields and its body. */
export function unpack(buffer) {
  const view = new DataView(buffer);
  return {
    kind: view.getUint8(0),
    flags: view.getUint8(1),
    epoch: view.getUint32(4, true),
    sequence: view.getUint32(8, true),
    waited: view.getFloat32(12, true),
    denoise: view.getFloat32(16, true),
    decode: view.getFloat32(20, true),
    encode: view.getFloat32(24, true),
    mediaMs: view.getFloat64(28, true),
    heardMs: view.getFloat64(36, true),
    startedMs: view.getFloat64(44, true),
    madeMs: view.getFloat64(52, true),
    sentMs: view.getFloat64(60, true),
    body: new Uint8Array(buffer, HEADER_BYTES),
  };
}

/** Cut an endless byte stream into messages again; feed it pieces of any size. */
export class Splitter {
  #rest = new Uint8Array(0);

  * push(piece) {
    const joined = new Uint8Array(this.#rest.length + piece.length);
    joined.set(this.#rest);
    joined.set(piece, this.#rest.length);
    let at = 0;
    while (joined.length - at >= PREFIX_BYTES) {
      const length = new DataView(joined.buffer, at + 1, 4).getUint32(0, true);
      const end = at + PREFIX_BYTES + length;
      if (end > joined.length) break;
      const body = joined.slice(at + PREFIX_BYTES, end);
      yield joined[at] === TEXT ? new TextDecoder().decode(body) : body.buffer;
      at = end;
    }
    this.#rest = joined.slice(at);
  }
}

/** The opposite of Splitter, for what is posted. */
export function prefixed(message) {
  const text = typeof message === "string";
  const body = text ? new TextEncoder().encode(message) : new Uint8Array(message);
  const whole = new Uint8Array(PREFIX_BYTES + body.length);
  whole[0] = text ? TEXT : "B".charCodeAt(0);
  new DataView(whole.buffer).setUint32(1, body.length, true);
  whole.set(body, PREFIX_BYTES);
  return whole;
}
