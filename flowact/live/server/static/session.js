// One session: joins line, speaker and painter, and keeps epochs apart.

import { Figures } from "./figures.js";
import { Flag, Kind, unpack } from "./framing.js";
import { Line } from "./line.js";
import { MicrophoneSwitch } from "./microphone.js";
import { Painter, bestCodec } from "./painter.js";
import { Places } from "./places.js";
import { makeSpeaker } from "./speaker.js";

export class Session extends EventTarget {
  /**
   * @param canvas where the person is seen.
   * @param options base, ticket() -> string, asked (places are asked for), character, upload, codec ("" to choose).
   *
   * `joined` is a promise that is kept when the server takes requests; `painting` says whether
   * generated frames are seen.
   */
  constructor(canvas, options) {
    super();
    this.canvas = canvas;
    this.options = options;
    this.figures = new Figures();
    this.oldest = 0; // epochs below this one were interrupted
    this.voiced = -1; // newest epoch whose voice has come
    this.resume = "";
    this.painting = false;
    this.volume = 1;
    this.moving = false; // to another server that goes on at the next frame
    this.joined = new Promise((kept) => { this.welcomed = kept; });
    this.mic = new MicrophoneSwitch({
      base: `${options.base}/static`,
      packet: (packet) => {
        this.send(packet);
        this.#say("level", { packet });
      },
      tell: (mode) => this.send({ type: "microphone", mode }),
      changed: (mode, why) => this.#say("microphone", { mode, why }),
    });
  }

  /** Begin; must run inside a click for the sake of the speaker. */
  async start() {
    this.figures.clicked();
    const speaker = makeSpeaker(`${this.options.base}/static`);
    this.codec = this.options.codec || (await bestCodec());
    this.painter = new Painter(this.canvas, {
      clock: () => this.speaker?.now() ?? null,
      rushing: () => this.speaker?.rushing ?? false,
      wantKey: () => this.send({ type: "key" }),
      painted: (header, now) => this.#painted(header, now),
    });
    this.early = [];
    this.places = new Places(this.options.base, {
      asked: this.options.asked,
      token: this.options.ticket,
      told: (position) => this.#text({ type: "busy", position }),
    });
    this.line = new Line(this.places, {
      hello: (place) => this.#hello(place),
      refused: (text) => this.#text({ type: "error", text, fatal: true }),
      lag: () => this.figures.lag,
      text: (message) => this.#text(message),
      media: (buffer) => this.#media(unpack(buffer)),
      state: (name) => this.#say("state", { name }),
    });
    this.speaker = await speaker;
    this.speaker.onclock = () => this.painter.drain();
    this.speaker.onsilent = (ms) => this.figures.silenced(ms);
    this.speaker.setVolume(this.volume);
    for (const header of this.early.splice(0)) this.#play(header);
  }

  /** How loud the avatar is, 0 to 1. */
  setVolume(volume) {
    this.volume = volume;
    this.speaker?.setVolume(volume);
  }

  send(message) {
    this.line?.send(message);
  }

  say(text, voice) {
    this.figures.asked();
    this.send({ type: "say", text, voice });
  }

  /** Answer something that was typed. */
  ask(text) {
    this.figures.asked();
    this.send({ type: "ask", text });
  }

  /** The voice of answers and the language that the viewer speaks; empty for the server's choice. */
  choose(voice, language) {
    this.choice = { type: "voice", voice, language };
    if (this.resume) this.send(this.choice); // or else with the welcome
  }

  sample(name) {
    this.figures.asked();
    this.send({ type: "sample", name });
  }

  play(upload) {
    this.figures.asked();
    this.send({ type: "play", upload });
  }

  act(text) {
    this.send({ type: "action", text });
  }

  interrupt() {
    this.figures.interrupted();
    this.oldest = this.epoch + 1;
    this.#flush();
    this.send({ type: "interrupt" });
  }

  /** Choose what the microphone is for; rejects with a sentence when it cannot be had. */
  microphone(mode) {
    return this.mic.choose(mode);
  }

  summary() {
    return this.figures.summary({
      transport: this.line?.http ? "http" : "websocket",
      codec: this.codec,
      frames_missed: this.painter?.missed ?? 0,
      sound_underruns: this.speaker?.underruns ?? 0,
      buffered_ms: Math.round((this.speaker?.buffered ?? 0) * 1000),
      user_agent: navigator.userAgent,
    });
  }

  stop() {
    this.mic.close();
    this.line?.close();
    this.painter?.close();
    this.speaker?.close();
    this.line = null;
  }

  /** Path of the live routes of the server that has the session. */
  get base() {
    return this.places.base;
  }

  async #hello(place) {
    return {
      type: "hello", place, token: await this.options.ticket(), codec: this.codec, resume: this.resume,
      character: this.options.character, upload: this.options.upload,
    };
  }

  #text(message) {
    switch (message.type) {
      case "welcome":
        this.resume = message.resume;
        this.epoch = message.epoch;
        if (message.resumed) this.figures.newClock(); // it may be another server's
        if (message.resumed && !this.moving) this.#flush();
        this.moving = false;
        this.mic.told(message.microphone);
        if (this.choice && !message.resumed) this.send(this.choice);
        this.#say("state", { name: this.painting ? "live" : "waking up" });
        this.welcomed();
        break;
      case "epoch":
        this.epoch = message.epoch;
        if (message.voice_ms) this.figures.add("voice engine, first sentence", message.voice_ms);
        if (message.flush) {
          this.oldest = message.epoch;
          this.#flush();
        }
        break;
      case "viewer":
        this.figures.heardViewer(message);
        break;
      case "microphone":
        return this.mic.told(message.mode, message.why);
      case "moved":
        this.moving = true;
        this.line.move();
        break;
      case "pong":
        this.figures.pong(message);
        break;
      case "error":
        if (message.fatal) this.line.abandon();
        break;
      default:
    }
    return this.#say(message.type, message);
  }

  #media(header) {
    if (header.epoch < this.oldest) return;
    if (header.kind === Kind.SOUND) {
      this.figures.arrived(header);
      this.#hearVoice(header);
      if (this.speaker) this.#play(header);
      else this.early.push(header);
    } else this.painter.push(header);
  }

  /** Counted by what has come and not by what is painted: a browser that is behind may leave every frame of it out. */
  #hearVoice(header) {
    if (!(header.flags & Flag.SPEAKING) || header.epoch <= this.voiced) return;
    this.voiced = header.epoch;
    this.figures.voiceBegins(header);
  }

  #play(header) {
    this.speaker.push(header, Boolean(header.flags & Flag.SPEAKING));
  }

  #painted(header, now) {
    if (!this.painting) this.#say("state", { name: "live" });
    this.painting = true;
    this.figures.paintedFrame(header, now);
    this.#say("painted", { header });
  }

  #flush() {
    this.speaker?.flush();
    this.painter?.flush();
    this.figures.flushed(this.oldest);
  }

  #say(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
