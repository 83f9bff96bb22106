// Sound devices: which microphone, how loud it is, how loud the avatar is.

const LEVEL_FALL = 0.85; // of the level from one packet to the next
const LOUD = 12_000; // of 32767: a voice near the microphone
const SHOWN_MS = 80; // from one look of the meter to the next: each is a layout of the page

export class Devices {
  /** @param part finds an element of the page by its name. */
  constructor(part, changed) {
    this.part = part;
    this.level = this.shownAt = 0;
    part("device").addEventListener("change", () => changed(this.chosen));
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.list());
    this.list();
  }

  get chosen() {
    return this.part("device").value;
  }

  get volume() {
    return Number(this.part("volume").value);
  }

  /** Offer the microphones; browsers tell their names only once one was allowed. */
  async list() {
    const devices = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
    const inputs = devices.filter(({ kind, deviceId, label }) => kind === "audioinput" && deviceId && label);
    const chosen = this.chosen;
    const options = inputs.map(({ deviceId, label }) => new Option(label, deviceId));
    this.part("device").replaceChildren(new Option("Default microphone", ""), ...options);
    if (inputs.some(({ deviceId }) => deviceId === chosen)) this.part("device").value = chosen;
  }

  heard(packet) {
    const loudest = new Int16Array(packet).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    this.level = Math.max(loudest / LOUD, this.level * LEVEL_FALL);
    const now = performance.now();
    if (now - this.shownAt < SHOWN_MS) return;
    this.shownAt = now;
    this.part("level").value = Math.min(this.level, 1);
  }

  silent() {
    this.level = 0;
    this.part("level").value = 0;
  }
}
