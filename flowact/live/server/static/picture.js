// The picture and what stands on it: who is seen, who speaks, the talk button, volume, full screen.

const SPEAKING_MS = 600; // after the last frame with speech
const LABELS = { you: "you speak", thinking: "thinking", speaking: "speaking", listening: "listening" };
const SPEAKING = 4;

export class Stage {
  /** @param part finds an element of the page by its name. */
  constructor(part) {
    this.part = part;
    this.mode = "off";
    this.reset();
    part("full").addEventListener("click", () => this.#full());
    part("full").hidden = !document.fullscreenEnabled;
  }

  reset() {
    this.viewer = this.waiting = false;
    this.spokeAt = -Infinity;
    this.show();
    this.part("still").hidden = true;
  }

  /** Keep the sharp portrait over the canvas until a generated frame is there. */
  cover() {
    const still = this.part("still");
    still.getContext("2d").drawImage(this.part("canvas"), 0, 0);
    still.classList.remove("gone");
    still.hidden = false;
  }

  portrait(image) {
    this.part("canvas").getContext("2d").drawImage(image, 0, 0, 480, 480);
  }

  painted({ flags }) {
    this.part("still").classList.add("gone");
    if (flags & SPEAKING) {
      this.spokeAt = performance.now();
      this.waiting = false;
    }
    this.show();
  }

  viewerSpeaks(speaking) {
    this.viewer = speaking;
    this.waiting = !speaking;
    this.show();
  }

  /** A question was asked, or its answer will not come. */
  expects(waiting) {
    this.waiting = waiting;
    this.show();
  }

  microphone(mode) {
    this.mode = mode;
    const talk = this.part("talk");
    talk.setAttribute("aria-pressed", String(mode !== "off"));
    talk.title = mode === "off" ? "Talk with the avatar" : "Turn the microphone off";
    this.part("talk-label").textContent = mode === "off" ? "Talk" : "Mute";
    if (mode === "off") this.viewer = false;
    this.show();
  }

  get speaking() {
    return performance.now() - this.spokeAt < SPEAKING_MS;
  }

  /** Show who speaks; called with every frame and every half second. */
  show() {
    const state = this.#state();
    if (state === this.shown) return;
    this.shown = state;
    this.part("stage").dataset.state = state;
    this.part("state").textContent = LABELS[state] ?? "";
    this.part("state").hidden = !state;
    const stop = this.part("interrupt");
    const idle = state !== "speaking" && this.mode !== "puppet";
    if (idle && document.activeElement === stop) this.part("talk").focus(); // focus must be somewhere
    stop.hidden = idle;
  }

  #state() {
    if (this.viewer) return "you";
    if (this.speaking) return "speaking";
    if (this.waiting) return "thinking";
    return this.mode === "conversation" ? "listening" : "";
  }

  #full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.part("stage").requestFullscreen().catch(() => {});
  }
}
