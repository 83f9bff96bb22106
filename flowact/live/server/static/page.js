// The page: connects what the visitor touches with the session.

import { Devices } from "./devices.js";
import { save, send } from "./files.js";
import { addPlan, counts, quietLine, showFigures, spoken } from "./panels.js";
import { Stage } from "./picture.js";
import { Session } from "./session.js";
import { Tabs } from "./tabs.js";
import { newTicket, theTicket } from "./ticket.js";
import { Transcript } from "./transcript.js";

const ROOT = new URL("../..", import.meta.url).pathname;
const CODEC = new URLSearchParams(location.search).get("codec") ?? "";
const REFRESH_MS = 500;
const FRESH_MS = 2_000; // a notice this new may be about what has just begun
const FADES_MS = 10_000;
const WELCOME = "Press Start, or type something to say.";
const MICROPHONE_HINTS = {
  off: "Off. Nothing is heard or sent.",
  puppet: "The avatar says what you say, as soon as it has heard it.",
  conversation: "The avatar listens while you speak and answers when you have finished.",
};
const NOBODY = "Avatar";
const CONSENT = "Tick the box first: the person in the picture must have agreed.";
const ASKING = "Waiting for the browser to give the microphone ...";
const NO_ANSWERS = "It listens, but this server has no language model to answer with.";

class Page {
  constructor(root) {
    this.root = root;
    this.session = null;
    this.character = "";
    this.picture = ""; // id of a picture of one's own
    this.stage = new Stage((name) => this.part(name));
    this.tabs = new Tabs(root);
    if (this.part("question").disabled) this.tabs.show("say"); // there is nobody to talk with
    this.tabs.onshow = (name) => name === "talk" && this.transcript.follow();
    this.transcript = new Transcript(this.part("transcript"), this.part("captions"));
    this.devices = new Devices((name) => this.part(name), (device) => this.session?.mic.use(device));
    this.#chooseFirst();
    this.#wireSession();
    this.#wireSpeech();
    this.#wireConversation();
    this.#wireActions();
    this.#wireFiles();
    this.#describeMicrophone();
    theTicket(); // so that the click need not wait for it
    this.part("board").inert = false; // a click on what is not connected yet would be lost
    setInterval(() => this.#refresh(), REFRESH_MS);
  }

  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  on(name, event, act) {
    this.part(name).addEventListener(event, act);
  }

  // -- the session ---------------------------------------------------------------------------

  #wireSession() {
    this.on("start", "click", () => this.#start());
    this.on("end", "click", () => this.#stop());
    this.on("interrupt", "click", () => this.#interrupt());
    this.on("volume", "input", () => this.session?.setVolume(this.devices.volume));
    document.addEventListener("keydown", ({ key }) => key === "Escape" && this.session?.interrupt());
    window.addEventListener("pagehide", () => this.session?.stop());
    for (const button of this.root.querySelectorAll("[data-character]")) {
      button.addEventListener("click", () => this.#choose(button));
    }
  }

  #start() {
    const session = new Session(this.part("canvas"), {
      root: ROOT, asked: this.root.dataset.places === "yes", preset: this.part("preset")?.value, ticket: theTicket,
      character: this.character, picture: this.picture, codec: CODEC,
    });
    this.session = window.flowactSession = session;
    this.transcript.name = this.#ringed?.textContent.trim() ?? NOBODY;
    const byKeyboard = document.activeElement === this.part("start");
    this.stage.cover();
    this.root.dataset.live = "yes";
    if (byKeyboard) this.part("talk").focus(); // the button that was pressed is gone
    this.part("meter").textContent = "";
    this.#status("connecting ...");
    this.#notice("");
    this.#follow(session);
    session.setVolume(this.devices.volume);
    session.mic.use(this.devices.chosen);
    session.choose(this.part("voice").value, this.part("language").value);
    session.start().catch((error) => this.#fail(`The page could not start: ${error.message}`));
  }

  /** Begin a session if there is none, and return it once it takes requests. */
  async #live() {
    if (!this.session) this.#start();
    const { session } = this;
    await session.joined;
    return session;
  }

  #interrupt() {
    this.session?.interrupt();
    this.part("talk").focus(); // the button hides with the speech
  }

  #stop() {
    this.session?.stop();
    this.session = null;
    this.picture = ""; // deleted with its session
    this.#ring();
    this.root.dataset.live = "no";
    this.stage.reset();
    this.transcript.clear();
    this.part("doing").textContent = "idling";
    this.part("meter").textContent = WELCOME;
    this.#showMicrophone("off");
    this.#status("");
  }

  #follow(session) {
    const on = (name, act) => session.addEventListener(name, ({ detail }) => {
      if (this.session === session) act(detail);
    });
    on("state", ({ name }) => this.#status(name === "live" ? "live" : `${name} ...`, name));
    on("queue.position", ({ position }) => this.#status(`busy, you are number ${position} in line`, "busy"));
    on("notice", ({ message }) => this.#notice(message));
    on("error", ({ message, fatal }) => (fatal ? this.#fail(message) : this.#refused(message)));
    on("action.changed", (decision) => {
      addPlan(this.part("plan"), decision);
      this.part("doing").textContent = spoken(decision.behaviour);
    });
    on("transcript.final", ({ text }) => this.transcript.heard(text));
    on("reply.delta", ({ text }) => this.transcript.grow(text));
    on("reply.done", ({ text }) => this.transcript.replied(text));
    on("user.speech_started", () => this.stage.viewerSpeaks(true));
    on("user.speech_stopped", () => this.stage.viewerSpeaks(false));
    on("painted", ({ header }) => this.stage.painted(header));
    on("level", ({ packet }) => this.devices.heard(packet));
    on("playback.started", () => this.#outdated());
    on("microphone", ({ mode, why }) => {
      this.#showMicrophone(mode);
      if (why) this.#notice(why);
    });
  }

  #refused(text) {
    this.stage.expects(false);
    this.#notice(text, "error");
  }

  #fail(text) {
    this.#stop();
    this.#notice(text, "error");
  }

  // -- who -----------------------------------------------------------------------------------

  #chooseFirst() {
    const first = this.#ringed;
    if (!first) return;
    this.character = first.dataset.character;
    const image = first.querySelector("img");
    if (image.complete) this.#portrait(image);
    else image.addEventListener("load", () => this.#portrait(image), { once: true });
  }

  #choose(chosen) {
    this.character = chosen.dataset.character;
    const wasLive = this.session !== null;
    const { mode } = this;
    this.#stop();
    this.#portrait(chosen.querySelector("img"));
    this.#ring();
    if (wasLive) this.#start();
    if (mode === "off") return;
    this.#listen(mode);
    this.#notice(`${chosen.textContent.trim()} goes on with your microphone; what was said before is forgotten.`);
  }

  /** Ring the character that is seen, or nobody while a picture of one's own speaks. */
  #ring() {
    for (const button of this.root.querySelectorAll("[data-character]")) {
      const seen = !this.picture && button.dataset.character === this.character;
      button.setAttribute("aria-pressed", String(seen));
    }
  }

  get #ringed() {
    return this.root.querySelector('[data-character][aria-pressed="true"]');
  }

  #portrait(image) {
    if (!this.session) this.stage.portrait(image);
  }

  // -- what it says --------------------------------------------------------------------------

  #wireSpeech() {
    this.on("say", "submit", (event) => {
      event.preventDefault();
      const text = this.part("text").value.trim();
      if (text) this.#with((session) => session.say(text, this.part("voice").value));
    });
    this.on("text", "keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      this.part("say").requestSubmit();
    });
    this.on("voice", "change", () => this.#describeVoice());
    this.#describeVoice();
    for (const button of this.root.querySelectorAll("[data-sample]")) {
      button.addEventListener("click", () => this.#with((session) => session.sample(button.dataset.sample)));
    }
  }

  #describeVoice() {
    const chosen = this.part("voice").selectedOptions[0];
    this.part("licence").textContent = chosen?.title ?? "No voice on this machine: install flite or espeak-ng.";
    this.session?.choose(this.part("voice").value, this.part("language").value);
  }

  /** Do something with a live session; what goes wrong is said. */
  async #with(act) {
    try {
      await act(await this.#live());
    } catch (error) {
      this.#refused(error.message);
    }
  }

  // -- conversation --------------------------------------------------------------------------

  #wireConversation() {
    for (const radio of this.root.querySelectorAll("[name=flowact-microphone]")) {
      radio.addEventListener("change", () => this.#listen(radio.value));
    }
    this.on("talk", "click", () => this.#listen(this.mode === "off" ? this.#usualMode() : "off"));
    this.on("language", "change", () => this.#describeVoice());
    this.on("ask", "submit", (event) => {
      event.preventDefault();
      const question = this.part("question").value.trim();
      if (!question) return;
      this.part("question").value = "";
      this.#with((session) => {
        session.ask(question);
        this.stage.expects(true);
      });
    });
    this.on("copy-transcript", "click", () => this.#copyTranscript());
    this.on("save-transcript", "click", () => {
      save(new Blob([this.transcript.text()], { type: "text/plain" }), "flowact-transcript.txt");
    });
  }

  /** Where nobody answers, the microphone is good for a puppet. */
  #usualMode() {
    return this.part("microphone-hint").dataset.conversation === "yes" ? "conversation" : "puppet";
  }

  async #copyTranscript() {
    try {
      await navigator.clipboard.writeText(this.transcript.text());
      this.#notice("Copied.");
    } catch {
      this.#notice("This browser does not let the page copy; save the transcript instead.", "error");
    }
  }

  /** Show what the microphone is for until it is for something else: permission may be long in coming. */
  async #listen(mode) {
    this.#showMicrophone(this.mode);
    if (mode === this.mode) return;
    if (mode !== "off") this.part("microphone-hint").textContent = ASKING;
    await this.#with((session) => session.microphone(mode));
    this.#showMicrophone(this.mode);
    this.devices.list();
  }

  get mode() {
    return this.session?.mic.mode ?? "off";
  }

  #showMicrophone(mode) {
    for (const radio of this.root.querySelectorAll("[name=flowact-microphone]")) {
      radio.checked = radio.value === mode;
    }
    this.stage.microphone(mode);
    if (mode === "off") this.devices.silent();
    this.#describeMicrophone();
  }

  #describeMicrophone() {
    const hint = this.part("microphone-hint");
    const silent = this.mode === "conversation" && hint.dataset.conversation === "no";
    hint.textContent = silent ? NO_ANSWERS : MICROPHONE_HINTS[this.mode];
  }

  // -- what it does --------------------------------------------------------------------------

  #wireActions() {
    this.on("act", "submit", (event) => {
      event.preventDefault();
      const text = this.part("action").value.trim();
      if (text) this.#with((session) => session.act(text));
    });
    for (const button of this.root.querySelectorAll("[data-action]")) {
      button.addEventListener("click", () => this.#with((session) => session.act(button.dataset.action)));
    }
  }

  // -- files ---------------------------------------------------------------------------------

  #wireFiles() {
    this.on("recording", "change", ({ target }) => this.#takeRecording(taken(target)));
    this.on("picture", "change", ({ target }) => this.#takePicture(taken(target)));
    this.on("consent", "change", ({ target }) => {
      this.part("picture").disabled = !target.checked;
      this.part("picture-button").setAttribute("aria-disabled", String(!target.checked));
    });
    this.on("stage", "dragover", (event) => {
      event.preventDefault();
      this.part("stage").classList.add("over");
    });
    this.on("stage", "dragleave", () => this.part("stage").classList.remove("over"));
    this.on("stage", "drop", (event) => this.#drop(event));
    this.on("keep", "click", () => this.#keep());
    this.on("figures-file", "click", () => this.#saveFigures());
  }

  #drop(event) {
    event.preventDefault();
    this.part("stage").classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file?.type.startsWith("image/")) this.#takePicture(file);
    else this.#takeRecording(file);
  }

  async #takeRecording(file) {
    if (!file) return;
    await this.#with(async (session) => {
      session.play((await this.#send(`${session.base}/sounds`, file, session.resume)).sound_id);
    });
  }

  async #takePicture(file) {
    if (!file) return;
    this.#stop();
    try {
      if (!this.part("consent").checked) throw new Error(CONSENT);
      const sent = await this.#send(`${ROOT}v1/pictures?consent=true`, file, await newTicket());
      this.picture = sent.picture_id;
      this.#ring();
      this.#start();
      this.#notice(sent.remark);
    } catch (error) {
      this.#notice(error.message, "error");
    }
  }

  async #send(address, file, token) {
    this.#notice(`Sending ${file.name} ...`);
    const sent = await send(address, file, token);
    this.#notice("");
    return sent;
  }

  async #keep() {
    if (!this.session) return this.#notice("There is nothing to save: no session is running.", "error");
    const { base, id, resume } = this.session;
    try {
      const answer = await fetch(`${base}/sessions/${id}/recording`, { headers: { Authorization: `Bearer ${resume}` } });
      if (!answer.ok) throw new Error((await answer.json()).error.message);
      save(await answer.blob(), "flowact-session.mp4");
    } catch (error) {
      this.#notice(error.message, "error");
    }
  }

  #saveFigures() {
    if (!this.session) return this.#notice("There are no figures: no session is running.", "error");
    const text = JSON.stringify(this.session.summary(), null, 2);
    return save(new Blob([text], { type: "application/json" }), "flowact-figures.json");
  }

  // -- what is shown -------------------------------------------------------------------------

  #status(text, kind = "") {
    this.part("status").textContent = text;
    this.part("status").dataset.kind = kind;
    this.part("status").hidden = !text;
  }

  /** Something works: what went wrong before is over. */
  #outdated() {
    if (performance.now() - this.noticedAt > FRESH_MS) this.#notice("");
  }

  #notice(text, kind = "notice") {
    clearTimeout(this.fading);
    this.noticedAt = kind === "error" ? -Infinity : performance.now();
    if (kind === "notice" && text) this.fading = setTimeout(() => this.#notice(""), FADES_MS);
    this.part("notice").textContent = text;
    this.part("notice").dataset.kind = kind;
    this.part("notice").hidden = !text;
  }

  #refresh() {
    if (!this.session?.painting) return;
    const summary = this.session.summary();
    this.stage.show();
    this.part("meter").textContent = quietLine(summary, this.mode === "puppet");
    if (!this.part("latency").open) return;
    this.part("counts").textContent = counts(summary);
    showFigures(this.part("figures"), summary);
  }
}

/** Return the file that was chosen, so that the same one can be chosen again. */
function taken(input) {
  const [file] = input.files;
  input.value = "";
  return file;
}

function whenThere(selector, then) {
  const found = document.querySelector(selector);
  if (found) {
    then(found);
    return;
  }
  const observer = new MutationObserver(() => {
    const root = document.querySelector(selector);
    if (!root) return;
    observer.disconnect();
    then(root);
  });
  observer.observe(document.documentElement, { childList: true, subtree: true });
}

whenThere("#flowact-live", (root) => new Page(root));
