// One session of flowact.v1: joins line, speaker and painter, and keeps epochs apart.
// Its events are those of v1/asyncapi.json, and its own: state, level, painted, microphone.

import { Figures } from "./figures.js";
import { Flag, Kind, unpack } from "./framing.js";
import { Line } from "./line.js";
import { MicrophoneSwitch } from "./microphone.js";
import { Painter, bestCodec } from "./painter.js";
import { Places } from "./places.js";
import { Requests } from "./requests.js";
import { makeSpeaker } from "./speaker.js";

export class Session extends EventTarget {
  /**
   * @param canvas where the person is seen.
   * @param options root (path of the page), ticket() -> page token, asked (places are asked for), preset (of the model),
   *   character, picture (an id), codec ("" to choose).
   *
   * `joined` is a promise that is kept when the server takes requests; `painting` says whether
   * generated frames are seen.
   */
  constructor(canvas, options) {
    super();
    this.canvas = canvas;
    this.options = options;
    this.figures = new Figures();
    this.requests = new Requests((message) => this.send(message));
    this.oldest = 0; // epochs below this one were interrupted
    this.voiced = -1; // newest epoch whose voice has come
    this.id = this.resume = ""; // the session's name, and the token that finds it again
    this.painting = false;
    this.volume = 1;
    this.moving = false; // to another server that goes on at the next frame
    this.joined = new Promise((kept) => { this.welcomed = kept; });
    this.mic = new MicrophoneSwitch({
      base: this.assets,
      packet: (packet) => {
        this.send(packet);
        this.#say("level", { packet });
      },
      tell: (mode) => this.send({ type: "microphone.set", mode }),
      changed: (mode, why) => this.#say("microphone", { mode, why }),
    });
  }

  /** Begin; must run inside a click for the sake of the speaker. */
  async start() {
    this.figures.clicked();
    const speaker = makeSpeaker(this.assets);
    this.codec = this.options.codec || (await bestCodec());
    this.painter = new Painter(this.canvas, {
      clock: () => this.speaker?.now() ?? null,
      rushing: () => this.speaker?.rushing ?? false,
      wantKey: () => this.send({ type: "media.key" }),
      painted: (header, now) => this.#painted(header, now),
    });
    this.early = [];
    this.places = new Places(this.options.root, {
      asked: this.options.asked,
      preset: this.options.preset,
      token: this.options.ticket,
      told: (position) => this.#receive({ type: "queue.position", position }),
    });
    this.line = new Line(this.places, {
      join: (place) => this.#join(place),
      refused: (message) => this.#receive({ type: "error", message, fatal: true }),
      lag: () => this.figures.lag,
      event: (event) => this.#receive(event),
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
    this.requests.ask({ type: "text.say", text, voice });
  }

  /** Answer something that was typed. */
  ask(text) {
    this.figures.asked();
    this.requests.ask({ type: "text.ask", text });
  }

  /** The voice of answers and the language that the viewer speaks; empty for the server's choice. */
  choose(voice, language) {
    this.choice = { type: "session.update", voice, language };
    if (this.resume) this.requests.ask(this.choice); // or else once there is a session
  }

  sample(name) {
    this.figures.asked();
    this.requests.ask({ type: "sample.play", name });
  }

  play(sound) {
    this.figures.asked();
    this.requests.ask({ type: "sound.play", sound_id: sound });
  }

  act(text) {
    this.requests.ask({ type: "action.set", text });
  }

  interrupt() {
    this.figures.interrupted();
    this.oldest = this.epoch + 1;
    this.#flush();
    this.requests.ask({ type: "audio.clear" });
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

  /** Path of the session interface of the server that has the session. */
  get base() {
    return this.places.base;
  }

  get assets() {
    return `${this.options.root}live/static`;
  }

  /** What to show at the door: the token of the session that was lost, or the page's for a new one. */
  async #join(place) {
    if (this.resume) return { token: this.resume, query: { place } };
    const { ticket, character, picture } = this.options;
    return { token: await ticket(), query: { place, codec: this.codec, character, picture_id: picture } };
  }

  #receive(event) {
    switch (event.type) {
      case "session.created":
        this.#joined(event);
        break;
      case "session.moved":
        this.moving = true;
        this.line.move(event);
        break;
      case "playback.started":
        this.epoch = event.epoch;
        if (event.voice_ms) this.figures.add("voice engine, first sentence", event.voice_ms);
        break;
      case "playback.flushed":
        this.epoch = this.oldest = event.epoch;
        this.#flush();
        break;
      case "user.speech_started":
        this.figures.viewerSpeaks();
        break;
      case "user.speech_stopped":
        this.figures.viewerFellSilent(event.quiet_ms);
        break;
      case "microphone.changed":
        return this.mic.told(event.mode, event.why);
      case "pong":
        this.requests.confirm(event.heard);
        this.figures.pong(event);
        break;
      case "error":
        if (event.fatal && this.#elsewhere(event.code)) return this.line.move();
        if (event.fatal) this.line.abandon();
        break;
      default:
    }
    return this.#say(event.type, event);
  }

  #joined({ session, resume_token: resume, epoch, resumed, microphone, heard }) {
    this.id = session;
    this.resume = resume;
    this.epoch = epoch;
    if (resumed) this.figures.newClock(); // it may be another server's
    if (resumed && !this.moving) this.#flush();
    this.moving = false;
    this.mic.told(microphone);
    if (this.choice && !resumed) this.send(this.choice);
    this.requests.repeat({ heard, resumed });
    this.#say("state", { name: this.painting ? "live" : "waking up" });
    this.welcomed();
  }

  /** Whether a refusal is no end: the place is another's, or the session is over and a new one begins. */
  #elsewhere(code) {
    if (code === "unknown_session" && this.resume) {
      this.resume = "";
      this.oldest = 0;
      this.voiced = -1;
      this.#flush();
      return true;
    }
    return code === "place_lost";
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
