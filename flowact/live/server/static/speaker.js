// The speaker: an AudioWorklet, or scheduled buffers where the page has none (plain http on a LAN).

const RATE = 16000;
const MOST_BUFFERED = 1.6; // seconds; more means that the page was stalled
const MOST_LIVE = 0.9; // a puppet that is late by more than this is no puppet
const USUAL_BUFFERED = 0.3;

/** Make the speaker. Must be called in a click, or the browser keeps it silent. */
export async function makeSpeaker(base) {
  let context;
  try {
    context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
  } catch {
    context = new AudioContext({ latencyHint: "interactive" });
  }
  const resumed = context.resume().catch(() => {});
  if (!context.audioWorklet) return new BufferSpeaker(context);
  await context.audioWorklet.addModule(`${base}/speaker-worklet.js`);
  await Promise.race([resumed, new Promise((done) => setTimeout(done, 300))]);
  return new WorkletSpeaker(context);
}

function toFloats(body) {
  const pcm = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return Float32Array.from({ length: body.byteLength >> 1 }, (_, n) => pcm.getInt16(2 * n, true) / 32768);
}

class WorkletSpeaker {
  constructor(context) {
    this.context = context;
    this.onclock = this.onsilent = () => {};
    this.last = null;
    this.buffered = 0;
    this.underruns = 0;
    this.live = false;
    this.node = new AudioWorkletNode(context, "flowact-speaker", {
      numberOfInputs: 0, outputChannelCount: [1],
    });
    this.node.port.onmessage = ({ data }) => this.#hear(data);
    this.gain = new GainNode(context);
    this.node.connect(this.gain).connect(context.destination);
  }

  setVolume(volume) {
    this.gain.gain.value = volume;
  }

  #hear(report) {
    if (report.silent) {
      this.onsilent(1000 * this.#delay());
      return;
    }
    this.buffered = report.buffered;
    this.underruns = report.underruns;
    if (report.mediaMs !== null) this.last = report;
    if (report.buffered > (this.live ? MOST_LIVE : MOST_BUFFERED)) {
      this.node.port.postMessage({ do: "skip", seconds: USUAL_BUFFERED, speech: this.live });
    }
    this.onclock();
  }

  push({ body, mediaMs, heardMs }, speaking) {
    this.live = heardMs > 0;
    const { live } = this;
    this.node.port.postMessage({ do: "push", samples: toFloats(body), mediaMs, speaking, live });
  }

  /** Be silent; `onsilent(ms)` tells when the last old sound has left, and how long it is on its way. */
  flush() {
    this.node.port.postMessage({ do: "flush" });
    this.last = null;
    this.buffered = 0;
  }

  /** Media time that is heard now, in ms; null while nothing has been. */
  now() {
    if (!this.last) return null;
    const since = this.last.flowing ? this.context.currentTime - this.last.contextTime : 0;
    return this.last.mediaMs + 1000 * this.last.rate * (Math.min(since, 1) - this.#delay());
  }

  /** Whether silence is hurried through, so that pictures are left out on purpose. */
  get rushing() {
    return this.last?.rate > 2;
  }

  #delay() {
    return this.context.outputLatency || this.context.baseLatency || 0;
  }

  close() {
    return this.context.close();
  }
}

class BufferSpeaker {
  constructor(context) {
    this.context = context;
    this.onclock = this.onsilent = () => {};
    this.underruns = 0;
    this.playing = [];
    this.next = 0;
    this.timer = setInterval(() => this.onclock(), 20);
    this.gain = new GainNode(context);
    this.gain.connect(context.destination);
  }

  setVolume(volume) {
    this.gain.gain.value = volume;
  }

  get buffered() {
    return Math.max(this.next - this.context.currentTime, 0);
  }

  push({ body, mediaMs }, speaking) {
    if (!speaking && this.buffered > MOST_BUFFERED) return;
    const samples = toFloats(body);
    const buffer = this.context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.gain);
    if (this.next < this.context.currentTime) {
      if (this.playing.length) this.underruns++;
      this.next = this.context.currentTime + 0.06;
    }
    source.start(this.next);
    this.playing.push({ source, start: this.next, end: this.next + buffer.duration, mediaMs });
    this.next += buffer.duration;
  }

  flush() {
    for (const { source } of this.playing) source.stop();
    this.playing = [];
    this.next = 0;
    this.onsilent(1000 * (this.context.outputLatency || 0));
  }

  now() {
    const at = this.context.currentTime - (this.context.outputLatency || 0);
    while (this.playing.length > 1 && this.playing[0].end <= at) this.playing.shift();
    const first = this.playing[0];
    return first ? first.mediaMs + 1000 * Math.min(Math.max(at - first.start, 0), first.end - first.start) : null;
  }

  close() {
    clearInterval(this.timer);
    return this.context.close();
  }
}
