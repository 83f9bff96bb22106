// A client of the session interface, flowact.v1: joins a session with a client token, shows and speaks it.
// Types are in avatar-client.d.ts; the events are those of /v1/asyncapi.json.

import { Flag, Kind, unpack } from "./framing.js";
import { Painter, bestCodec } from "./painter.js";
import { makeSpeaker } from "./speaker.js";

export const PROTOCOL = "flowact.v1";
const PING_MS = 4000;
const APPEND_BYTES = 32_000;

export { bestCodec };

/** What a socket offers: a browser cannot set its headers, so the token travels as a second protocol. */
export function offered(token) {
  return [PROTOCOL, `token.${token.replace(/=+$/, "")}`];
}

export class AvatarClient extends EventTarget {
  /**
   * @param canvas where the person is seen.
   * @param options server (address), token (a client token), assets (where these modules are; found by default).
   */
  constructor(canvas, { server, token, assets = new URL(".", import.meta.url).href }) {
    super();
    this.canvas = canvas;
    this.assets = assets.replace(/\/$/, "");
    this.url = new URL("v1/socket", server.endsWith("/") ? server : `${server}/`);
    this.url.protocol = this.url.protocol.replace("http", "ws");
    this.token = token;
    this.oldest = 0; // epochs below this one were interrupted
    this.joined = new Promise((kept, broken) => Object.assign(this, { kept, broken }));
    this.joined.catch(() => {});
  }

  /** Join; must run inside a click, or the browser keeps the voice silent. Resolves when the session is there. */
  async start() {
    this.speaker = await makeSpeaker(this.assets);
    this.url.searchParams.set("codec", await bestCodec());
    this.painter = new Painter(this.canvas, {
      clock: () => this.speaker.now(),
      wantKey: () => this.send({ type: "media.key" }),
      painted: (header) => this.#say("painted", { epoch: header.epoch }),
    });
    this.speaker.onclock = () => this.painter.drain();
    this.socket = new WebSocket(this.url, offered(this.token));
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => this.#receive(data);
    this.socket.onclose = ({ code, reason }) => this.#closed(code, reason);
    this.timer = setInterval(() => this.send({ type: "ping", at: Date.now() }), PING_MS);
    return this.joined;
  }

  /** Send an event of the interface. */
  send(event) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(event));
  }

  /** Let a voice of the server speak a text. */
  say(text, { itemId = "", voice = "" } = {}) {
    this.send({ type: "text.say", text, item_id: itemId, voice });
  }

  /** Ask a question as if the viewer had typed it, in mode agent. */
  ask(text) {
    this.send({ type: "text.ask", text });
  }

  /** Change how the session talks; what is left out stays. */
  update({ voice, language, persona } = {}) {
    this.send({ type: "session.update", voice, language, persona });
  }

  /** Let the person do something, in words. */
  act(text) {
    this.send({ type: "action.set", text });
  }

  /** Push 16-bit mono sound (Int16Array) of an item; finish it with commit(). */
  push(samples, { rate = 16_000, itemId = "", text = "" } = {}) {
    if (rate !== this.rate || itemId || text) {
      this.rate = rate;
      this.send({ type: "audio.start", item_id: itemId, rate, text });
    }
    const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
    for (let at = 0; at < bytes.length; at += APPEND_BYTES) {
      if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(bytes.slice(at, at + APPEND_BYTES));
    }
  }

  /** The item's sound is complete. */
  commit() {
    this.send({ type: "audio.commit" });
  }

  /** Be silent now. */
  interrupt() {
    this.#flush();
    this.send({ type: "audio.clear" });
  }

  /** End the session. */
  close() {
    this.send({ type: "session.close" });
    this.socket?.close();
    this.#release();
  }

  #receive(data) {
    if (typeof data !== "string") return this.#media(unpack(data));
    const event = JSON.parse(data);
    if (event.type === "session.created") this.kept(event);
    if (event.type === "error" && event.fatal) this.broken(new Error(event.message));
    if (event.type === "playback.flushed") {
      this.oldest = event.epoch;
      this.#flush();
    }
    return this.#say(event.type, event);
  }

  #media(header) {
    if (header.epoch < this.oldest) return;
    if (header.kind === Kind.SOUND) this.speaker.push(header, Boolean(header.flags & Flag.SPEAKING));
    else this.painter.push(header);
  }

  #flush() {
    this.speaker?.flush();
    this.painter?.flush();
  }

  #closed(code, reason) {
    this.broken(new Error(reason || "The connection was closed."));
    this.#release();
    this.#say("closed", { code, reason });
  }

  #release() {
    clearInterval(this.timer);
    this.painter?.close();
    if (this.speaker) this.speaker.close();
    this.painter = this.speaker = null;
  }

  #say(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
