// The line to the server: the socket of flowact.v1, or HTTP requests where none opens. Redials by itself.

import { offered } from "./avatar-client.js";
import { Splitter, prefixed } from "./framing.js";

const OPEN_MS = 3000;
const PING_MS = 2000;
const SILENT_MS = 7000;
const SILENT_OF_MANY_MS = 2000; // where another server goes on, nobody waits for a silent one
const REDIAL_MS = [300, 700, 1500, 3000];
const POST_MS = 40;

export class Line {
  /**
   * @param places say where to connect.
   * @param hooks join(place's ticket) gives {token, query}, lag() ms or null; event(object), media(ArrayBuffer),
   *   state(name), refused(sentence).
   */
  constructor(places, hooks) {
    this.places = places;
    this.hooks = hooks;
    this.http = false;
    this.lost = false; // the place that there was
    this.tries = 0;
    this.closed = false;
    this.dial();
  }

  async dial() {
    this.hooks.state(this.tries ? "reconnecting" : "connecting");
    let place, token, query;
    try {
      place = await this.places.take(this.lost);
      if (this.closed) return;
      ({ token, query } = await this.hooks.join(place.ticket));
    } catch (error) {
      return this.hooks.refused(error.message);
    }
    if (this.closed) return;
    const asked = new URLSearchParams(query);
    this.heard = performance.now();
    const wire = this.http ? new Posts(place.base, token, asked) : new Socket(place.base, token, asked);
    this.wire = wire;
    wire.onmessage = (message) => this.#receive(message);
    wire.onend = () => this.#ended(wire);
    if (!(await wire.open()) && !this.closed) {
      if (!this.everOpen) this.http = !this.http;
      this.lost = true;
      return this.#ended(wire);
    }
    this.everOpen = true;
    this.lost = false;
    const every = this.places.asked ? SILENT_OF_MANY_MS / 4 : PING_MS;
    this.timer = setInterval(() => this.#beat(), every);
  }

  send(message) {
    this.wire?.send(typeof message === "object" && !ArrayBuffer.isView(message)
      && !(message instanceof ArrayBuffer) ? JSON.stringify(message) : message);
  }

  close() {
    if (!this.closed) this.send({ type: "session.close" });
    this.closed = this.places.over = true;
    clearInterval(this.timer);
    setTimeout(() => this.wire?.close(), 200);
  }

  /** The server gives the session away: dial at once, and let the old wire bring what it still has until it ends. */
  move(event = {}) {
    this.wire.over = true;
    this.lost = !this.places.moved(event);
    clearInterval(this.timer);
    this.tries = 0;
    this.dial();
  }

  /** Give up without goodbye: the server said that it is over. */
  abandon() {
    this.closed = this.places.over = true;
    clearInterval(this.timer);
    this.wire?.close();
  }

  #receive(message) {
    this.heard = performance.now();
    this.tries = 0;
    if (typeof message === "string") this.hooks.event(JSON.parse(message));
    else this.hooks.media(message);
  }

  #beat() {
    const patience = this.places.asked ? SILENT_OF_MANY_MS : SILENT_MS;
    if (performance.now() - this.heard > patience) {
      this.lost = true;
      return this.#ended(this.wire);
    }
    const at = performance.timeOrigin + performance.now();
    this.send({ type: "ping", at, lag_ms: this.hooks.lag() });
  }

  #ended(wire) {
    if (wire !== this.wire || wire.over) return;
    wire.over = true;
    clearInterval(this.timer);
    wire.close();
    if (this.closed) return;
    const wait = REDIAL_MS[Math.min(this.tries++, REDIAL_MS.length - 1)];
    this.hooks.state("reconnecting");
    setTimeout(() => this.closed || this.dial(), wait);
  }
}

class Socket {
  constructor(base, token, query) {
    this.url = new URL(`${base}/socket?${query}`, location.href);
    this.url.protocol = this.url.protocol.replace("http", "ws");
    this.offered = offered(token);
  }

  open() {
    return new Promise((done) => {
      try {
        this.socket = new WebSocket(this.url, this.offered);
      } catch {
        return done(false);
      }
      this.socket.binaryType = "arraybuffer";
      const timer = setTimeout(() => done(false), OPEN_MS);
      this.socket.onopen = () => {
        clearTimeout(timer);
        done(true);
      };
      this.socket.onmessage = ({ data }) => this.onmessage(data);
      this.socket.onclose = () => {
        clearTimeout(timer);
        done(false);
        this.onend();
      };
    });
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(message);
  }

  close() {
    this.socket?.close();
  }
}

class Posts {
  constructor(base, token, query) {
    Object.assign(this, { base, token, query });
    this.queue = [];
    this.abort = new AbortController();
  }

  async open() {
    try {
      const answer = await fetch(`${this.base}/streams?${this.query}`, {
        method: "POST", signal: this.abort.signal, headers: { Authorization: `Bearer ${this.token}` },
      });
      this.name = answer.headers.get("X-Connection");
      if (!answer.ok || !this.name) return false;
      this.#read(answer.body.getReader());
      this.timer = setInterval(() => this.#post(), POST_MS);
      return true;
    } catch {
      return false;
    }
  }

  send(message) {
    this.queue.push(prefixed(message));
  }

  close() {
    clearInterval(this.timer);
    this.#post();
    setTimeout(() => this.abort.abort(), 100);
  }

  async #read(reader) {
    const splitter = new Splitter();
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        for (const message of splitter.push(value)) this.onmessage(message);
      }
    } catch { /* the connection broke, which is what onend is for */ }
    clearInterval(this.timer); // after a move nobody closes the old wire
    this.onend();
  }

  async #post() {
    if (!this.queue.length || this.posting) return;
    this.posting = true;
    const body = new Blob(this.queue.splice(0));
    try {
      const answer = await fetch(`${this.base}/streams/${this.name}`, { method: "POST", body });
      if (!answer.ok) this.onend();
    } catch {
      this.onend();
    } finally {
      this.posting = false;
    }
  }
}
