// Decodes frames and paints each when the speaker has come to its time.

import { Flag, Kind } from "./framing.js";

const CODEC = { codec: "avc1.42C01E", codedWidth: 480, codedHeight: 480, optimizeForLatency: true };
const MOST_UNDECODED = 60;
const EARLY_MS = 8; // a frame may be shown half a screen refresh before its time
const LATE_MS = 400; // a decoder this far behind the sound begins anew at a key frame
const PATIENCE_MS = 2000; // between two such beginnings

// Asked while the page loads: a browser that has just started takes a tenth of a second to answer.
const supported = (async () => (await VideoDecoder.isConfigSupported(CODEC)).supported)();

/** Find out what this browser can decode. */
export async function bestCodec() {
  return (await supported.catch(() => false)) ? "h264" : "jpeg";
}

export class Painter {
  /**
   * @param canvas where to paint.
   * @param hooks clock() gives media ms or null; rushing(); wantKey() asks the server; painted(frame, now).
   */
  constructor(canvas, hooks) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false, desynchronized: true });
    this.hooks = hooks;
    this.waiting = []; // decoded: {header, image}, in order of time
    this.headers = new Map(); // of frames inside the decoder, by timestamp
    this.needKey = true;
    this.missed = 0;
    this.lostAt = -Infinity;
    this.generation = 0;
    this.tick = this.tick.bind(this);
    this.frame = requestAnimationFrame(this.tick);
  }

  push(header) {
    if (header.kind === Kind.H264) this.#decode(header);
    else this.#decodeJpeg(header);
  }

  flush() {
    this.generation++;
    for (const { image } of this.waiting) image.close();
    this.waiting = [];
    this.headers.clear();
    this.needKey = true;
    if (this.decoder?.state === "configured") this.decoder.reset();
  }

  #decode(header) {
    const key = Boolean(header.flags & Flag.KEY);
    if (this.needKey && !key) return;
    if (!this.decoder || this.decoder.state === "closed") this.decoder = this.#makeDecoder();
    if (this.decoder.state === "unconfigured") this.decoder.configure(CODEC);
    if (this.decoder.decodeQueueSize > MOST_UNDECODED) return this.#lost();
    this.needKey = false;
    const timestamp = Math.round(header.mediaMs * 1000);
    this.headers.set(timestamp, header);
    this.decoder.decode(new EncodedVideoChunk({
      type: key ? "key" : "delta", timestamp, data: header.body,
    }));
  }

  #makeDecoder() {
    return new VideoDecoder({
      output: (image) => {
        const header = this.headers.get(image.timestamp);
        this.headers.delete(image.timestamp);
        if (header) this.#keep(header, image);
        else image.close();
      },
      error: () => this.#lost(),
    });
  }

  #lost() {
    this.lostAt = performance.now();
    this.flush();
    this.hooks.wantKey();
  }

  async #decodeJpeg(header) {
    const generation = this.generation;
    const image = await createImageBitmap(new Blob([header.body], { type: "image/jpeg" }));
    if (header.kind === Kind.STILL) {
      if (!this.painted) this.#draw(image);
      image.close();
    } else if (generation === this.generation) this.#keep(header, image);
    else image.close();
  }

  #keep(header, image) {
    this.waiting.push({ header, image });
    if (this.#isBehind(header)) this.#lost();
    if (document.hidden) this.#advance();
  }

  #isBehind({ mediaMs }) {
    const late = this.hooks.clock() - mediaMs > LATE_MS;
    return late && performance.now() - this.lostAt > PATIENCE_MS && !document.hidden;
  }

  tick() {
    this.frame = requestAnimationFrame(this.tick);
    this.#advance();
  }

  /** Called by the speaker too: a hidden tab gets no animation frames, but must not hoard pictures. */
  drain() {
    if (document.hidden) this.#advance();
  }

  #advance() {
    const now = this.hooks.clock();
    if (now === null) {
      if (!this.painted && this.waiting.length) this.#paint(this.waiting.shift());
      return; // but for the first picture, which need not wait for the sound
    }
    let due = null;
    while (this.waiting.length && this.waiting[0].header.mediaMs <= now + EARLY_MS) {
      if (due) {
        due.image.close();
        if (!document.hidden && !this.hooks.rushing()) this.missed++;
      }
      due = this.waiting.shift();
    }
    if (!due) return;
    this.#paint(due, now);
  }

  #paint({ header, image }, now = header.mediaMs) {
    this.#draw(image);
    image.close();
    this.painted = true;
    this.hooks.painted(header, now);
  }

  #draw(image) {
    this.context.drawImage(image, 0, 0, this.canvas.width, this.canvas.height);
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.flush();
    if (this.decoder && this.decoder.state !== "closed") this.decoder.close();
  }
}
