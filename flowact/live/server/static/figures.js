// What the running session measures: delays, frames, offsets. Bounded, and kept as plain numbers.

const KEEP = 3000;
const UPLINK_PACKET_MS = 20;

export class Figures {
  constructor() {
    this.series = {};
    this.painted = 0;
    this.started = null;
    this.clockOffset = 0; // server minus browser, ms
    this.bestTrip = Infinity;
    this.recent = [];
    this.lag = null; // from made to painted, ms; null while nothing is painted
    this.voice = null; // where in media time a voice begins that no frame has been painted for yet
  }

  add(name, value) {
    const list = (this.series[name] ??= []);
    list.push(value);
    if (list.length > KEEP) list.splice(0, list.length - KEEP);
  }

  serverNow() {
    return performance.timeOrigin + performance.now() + this.clockOffset;
  }

  pong({ at, server_ms: server }) {
    const now = performance.timeOrigin + performance.now();
    const trip = now - at;
    this.add("round trip", trip);
    if (trip <= this.bestTrip) {
      this.bestTrip = trip;
      this.clockOffset = server - (at + now) / 2;
    }
  }

  /** Forget the offset of a clock that the next messages may not come from. */
  newClock() {
    this.bestTrip = Infinity;
  }

  clicked() {
    this.clickedAt = performance.now();
    this.waitingFirst = true;
  }

  asked() {
    this.askedAt = performance.now();
  }

  /** A voice begins with the sound of this header: the next frame at or after it is the first one with voice. */
  voiceBegins({ epoch, mediaMs }) {
    this.voice = { epoch, mediaMs };
  }

  /** What waited for its time is not seen any more: epochs below this one were interrupted. */
  flushed(oldest) {
    if (this.voice?.epoch < oldest) this.voice = null;
    else if (this.voice) this.voice.mediaMs = -Infinity; // a stream that begins anew may count from elsewhere
  }

  viewerSpeaks() {
    this.fellSilentAt = null;
  }

  /** Nothing was heard of the viewer for so many milliseconds. */
  viewerFellSilent(quiet) {
    this.fellSilentAt = performance.now() - quiet;
  }

  interrupted() {
    this.interruptedAt = performance.now();
  }

  arrived(header) {
    this.add("made to arrival", this.serverNow() - header.madeMs);
    for (const stage of ["waited", "denoise", "decode", "encode"]) {
      if (stage === "decode" || stage === "encode" || header.denoise) this.add(stage, header[stage]);
    }
  }

  paintedFrame(header, mediaNow) {
    const now = performance.now();
    const first = this.voice !== null && header.epoch >= this.voice.epoch && header.mediaMs >= this.voice.mediaMs;
    if (first) this.voice = null;
    this.painted++;
    this.recent.push(now);
    while (this.recent.length && this.recent[0] < now - 5000) this.recent.shift();
    if (this.waitingFirst) {
      this.add("click to first frame", now - this.clickedAt);
      this.waitingFirst = false;
    }
    if (first && this.askedAt) {
      this.add("asked to first frame with voice", now - this.askedAt);
      this.askedAt = null;
    }
    if (first && this.fellSilentAt) {
      this.add("end of speech to first voiced frame", now - this.fellSilentAt);
      this.fellSilentAt = null;
    }
    this.add("A/V offset", header.mediaMs - mediaNow);
    this.lag = Math.max(this.serverNow() - header.madeMs, 0);
    this.add("started to painted", this.serverNow() - header.startedMs);
    if (header.heardMs) {
      const uplink = Number.isFinite(this.bestTrip) ? this.bestTrip / 2 : 0;
      this.add("microphone to lips", this.serverNow() - header.heardMs + uplink + UPLINK_PACKET_MS);
    }
  }

  /** The old sound has stopped; what had left already is heard for `ms` more. */
  silenced(ms) {
    if (this.interruptedAt) this.add("interrupt to silence", performance.now() - this.interruptedAt + ms);
    this.interruptedAt = null;
  }

  fps() {
    return this.recent.length / 5;
  }

  summary(extra) {
    const stages = Object.fromEntries(
      Object.entries(this.series).map(([name, values]) => [name, {
        p50_ms: quantile(values, 0.5), p95_ms: quantile(values, 0.95), n: values.length,
      }]),
    );
    return { fps_painted: round(this.fps()), frames_painted: this.painted, stages, ...extra };
  }
}

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
}

function round(value) {
  return Math.round(value * 10) / 10;
}
