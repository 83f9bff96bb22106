// The microphone: what it is for, and the track that is open for as long as it is for something.

const REFUSED = "The microphone was refused or is not there.";
const NONE = "This browser gives the microphone only to pages on https or localhost.";
const LOST = "The microphone was taken away, so it is off.";

/**
 * What the microphone is for: "off", "puppet" or "conversation".
 *
 * `mode` and the track change here only and together, so that what is shown and what is sent cannot differ.
 */
export class MicrophoneSwitch {
  /** @param hooks base; packet(ArrayBuffer); tell(mode) the server; changed(mode, why). */
  constructor(hooks) {
    this.hooks = hooks;
    this.mode = "off";
    this.device = "";
    this.choices = 0; // a later choice makes one void that still waits for the visitor's permission
  }

  /** Do what the visitor chose; rejects with a sentence when the microphone cannot be had. */
  async choose(mode) {
    const choice = ++this.choices;
    if (mode !== "off" && !this.track) {
      const track = await Microphone.open(this.hooks.base, this.device, (packet, from) => {
        if (from === this.track) this.hooks.packet(packet);
      });
      if (choice !== this.choices) return track.close();
      track.onlost = () => track === this.track && this.#lost();
      this.track = track;
    }
    this.#set(mode);
    return this.hooks.tell(mode);
  }

  /** Take another device; one that is open is closed first. */
  async use(device) {
    if (device === this.device) return;
    this.device = device;
    if (!this.track) return;
    const { mode } = this;
    await this.choose("off");
    await this.choose(mode).catch((error) => this.hooks.changed("off", error.message));
  }

  /** Take over what the server says; a mode without a track is none, and the server is told so. */
  told(mode, why = "") {
    if (mode !== "off" && !this.track) this.hooks.tell("off");
    else this.#set(mode, why);
  }

  close() {
    this.choices++;
    this.#set("off");
  }

  #lost() {
    this.#set("off", LOST);
    this.hooks.tell("off");
  }

  #set(mode, why = "") {
    const changed = mode !== this.mode;
    this.mode = mode;
    if (mode === "off") {
      this.track?.close();
      this.track = null;
    }
    if (changed) this.hooks.changed(mode, why);
  }
}

/** An open track and the worklet that cuts it into packets. */
class Microphone {
  static async open(base, device, packet) {
    if (!navigator.mediaDevices?.getUserMedia) throw new Error(NONE);
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: {
          echoCancellation: true, noiseSuppression: true, autoGainControl: true,
          ...(device && { deviceId: { exact: device } }),
        },
      });
    } catch {
      throw new Error(REFUSED);
    }
    const microphone = new Microphone(stream);
    try {
      await microphone.listen(base, packet);
    } catch {
      microphone.close();
      throw new Error(REFUSED);
    }
    return microphone;
  }

  constructor(stream) {
    this.stream = stream;
    this.context = new AudioContext();
    this.onlost = () => {};
    for (const track of stream.getTracks()) track.addEventListener("ended", () => this.onlost());
  }

  async listen(base, packet) {
    await this.context.audioWorklet.addModule(`${base}/microphone-worklet.js`);
    const node = new AudioWorkletNode(this.context, "flowact-microphone", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => packet(data, this);
    this.context.createMediaStreamSource(this.stream).connect(node);
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
    this.context.close();
  }
}
