// The page: connects what the visitor touches with the session.

import { Session } from "./session.js";

const BASE = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const ASSETS = `${BASE}/static`;
const PARAMETERS = new URLSearchParams(location.search);
const MOST_PLANS = 60;
const REFRESH_MS = 500;

const TICKET_MS = 240_000;

whenThere("#flowact-live", setUp);

function whenThere(selector, then) {
  const found = document.querySelector(selector);
  if (found) return then(found);
  const observer = new MutationObserver(() => {
    const root = document.querySelector(selector);
    if (!root) return;
    observer.disconnect();
    then(root);
  });
  observer.observe(document.documentElement, { childList: true, subtree: true });
}

// Gradio hands out tickets: whoever may see its page may begin a session, and nobody else.
const ticket = { text: "", at: -Infinity };

async function theTicket() {
  for (let wait = 0; !window.flowactTicket && wait < 100; wait++) {
    await new Promise((done) => setTimeout(done, 50));
  }
  if (performance.now() - ticket.at > TICKET_MS) {
    ticket.text = await window.flowactTicket();
    ticket.at = performance.now();
  }
  return ticket.text;
}

function setUp(root) {
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const state = { session: null, character: "", upload: "", ready: false };

  const status = (text, kind = "") => {
    part("status").textContent = text;
    part("status").dataset.kind = kind;
  };
  const notice = (text, kind = "notice") => {
    part("notice").textContent = text;
    part("notice").dataset.kind = kind;
  };

  chooseCharacter(root, state, part);
  theTicket(); // so that the click need not wait for it
  part("start").addEventListener("click", () => (state.session ? stop() : start()));
  part("stop").addEventListener("click", () => state.session?.interrupt());
  part("say").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = part("text").value.trim();
    if (text && needSession()) state.session.say(text, part("voice").value);
  });
  part("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      part("say").requestSubmit();
    }
  });
  part("act").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = part("action").value.trim();
    if (text && needSession()) state.session.act(text);
  });
  for (const button of root.querySelectorAll("[data-action]")) {
    button.addEventListener("click", () => needSession() && state.session.act(button.dataset.action));
  }
  for (const radio of root.querySelectorAll("[name=flowact-microphone]")) {
    radio.addEventListener("change", () => listen(radio.value));
  }
  part("recording").addEventListener("change", async ({ target }) => {
    if (!target.files.length || !needSession()) return;
    const name = await upload("audio", target.files[0]);
    if (name) state.session.play(name);
    target.value = "";
  });
  part("picture").addEventListener("change", usePicture);
  part("consent").addEventListener("change", ({ target }) => {
    part("picture").disabled = !target.checked;
  });
  part("keep").addEventListener("click", keep);
  part("figures-file").addEventListener("click", saveFigures);
  setInterval(showFigures, REFRESH_MS);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") state.session?.interrupt();
  });
  window.addEventListener("pagehide", () => state.session?.stop());

  function needSession() {
    if (!state.session) notice("Start the session first.", "error");
    return state.session !== null;
  }

  async function start() {
    const session = new Session(part("canvas"), {
      base: BASE, assets: ASSETS, ticket: theTicket, character: state.character,
      upload: state.upload, codec: PARAMETERS.get("codec") ?? "",
    });
    state.session = window.flowactSession = session;
    part("start").textContent = "End session";
    root.dataset.live = "yes";
    notice("");
    follow(session);
    try {
      await session.start();
    } catch (error) {
      notice(`The page could not start: ${error.message}`, "error");
      stop();
    }
  }

  function stop() {
    state.session?.stop();
    state.session = null;
    root.dataset.live = "no";
    part("start").textContent = "Start";
    part("viewer").hidden = true;
    for (const radio of root.querySelectorAll("[name=flowact-microphone]")) {
      radio.checked = radio.value === "off";
    }
    status("not started");
  }

  function follow(session) {
    const on = (name, act) => session.addEventListener(name, ({ detail }) => {
      if (state.session === session) act(detail);
    });
    on("state", ({ name }) => status(name === "live" ? "live" : `${name} ...`, name));
    on("busy", ({ position }) => status(`busy, position ${position}`, "busy"));
    on("notice", ({ text }) => notice(text));
    on("error", ({ text, fatal }) => {
      notice(text, "error");
      if (fatal) stop();
    });
    on("welcome", welcome);
    on("plan", plan);
    on("heard", ({ text }) => notice(`You: ${text}`));
    on("reply", ({ text }) => notice(text));
    on("viewer", ({ speaking }) => { part("viewer").hidden = !speaking; });
    on("microphone", ({ mode }) => {
      for (const radio of root.querySelectorAll("[name=flowact-microphone]")) {
        radio.checked = radio.value === mode;
      }
    });
  }

  function welcome({ voices, samples }) {
    fill(part("voice"), voices.map(({ name, licence }) => {
      const option = new Option(name, name);
      option.title = licence;
      return option;
    }));
    part("licence").textContent = voices[0]?.licence ?? "no voice on this machine";
    part("voice").onchange = () => {
      part("licence").textContent = part("voice").selectedOptions[0]?.title ?? "";
    };
    fill(part("samples"), samples.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => state.session?.sample(name));
      return button;
    }));
  }

  function plan({ at, behaviour, why }) {
    const entry = document.createElement("li");
    const time = document.createElement("time");
    const what = document.createElement("b");
    time.textContent = `${at.toFixed(1)} s`;
    what.textContent = behaviour.replaceAll("_", " ");
    entry.append(time, what, why);
    part("plan").prepend(entry);
    while (part("plan").children.length > MOST_PLANS) part("plan").lastElementChild.remove();
    part("doing").textContent = what.textContent;
  }

  async function listen(mode) {
    if (!needSession()) {
      root.querySelector("[name=flowact-microphone][value=off]").checked = true;
      return;
    }
    try {
      await state.session.microphone(mode);
    } catch (error) {
      notice(error.message, "error");
      root.querySelector("[name=flowact-microphone][value=off]").checked = true;
    }
  }

  async function upload(sort, file) {
    notice(`Sending ${file.name} ...`);
    try {
      const answer = await fetch(`${BASE}/upload/${sort}`, {
        method: "POST",
        body: file,
        headers: {
          "X-Ticket": await theTicket(),
          "X-Filename": encodeURIComponent(file.name.slice(-60)),
          "X-Consent": part("consent").checked ? "yes" : "no",
        },
      });
      const { name, error } = await answer.json();
      notice(error ?? "", error ? "error" : "notice");
      return name;
    } catch {
      notice(`${file.name} could not be sent.`, "error");
      return undefined;
    }
  }

  async function usePicture({ target }) {
    if (!target.files.length) return;
    const name = await upload("picture", target.files[0]);
    target.value = "";
    if (!name) return;
    stop();
    state.upload = name;
    notice("Your picture is set; press Start. People unlike FlowAct's characters are experimental.");
  }

  async function keep() {
    if (!needSession()) return;
    const answer = await fetch(`${BASE}/recording?ticket=${encodeURIComponent(state.session.resume)}`);
    if (!answer.ok) return notice((await answer.json()).error, "error");
    save(await answer.blob(), "flowact-session.mp4");
  }

  function saveFigures() {
    if (!needSession()) return;
    const text = JSON.stringify(state.session.summary(), null, 2);
    save(new Blob([text], { type: "application/json" }), "flowact-figures.json");
  }

  function showFigures() {
    if (!state.session || !part("latency").open) return;
    const { stages, fps_painted: fps, frames_missed: missed, buffered_ms: buffered } = state.session.summary();
    const rows = [["frames painted a second", fps], ["frames missed", missed], ["buffered, ms", buffered],
      ...Object.entries(stages).map(([name, { p50_ms, p95_ms }]) => [`${name}, ms`, `${p50_ms} / ${p95_ms}`])];
    fill(part("figures"), rows.map(([name, value]) => {
      const row = document.createElement("tr");
      row.append(cell("th", name), cell("td", value));
      return row;
    }));
  }
}

function chooseCharacter(root, state, part) {
  const buttons = [...root.querySelectorAll("[data-character]")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      state.character = button.dataset.character;
      state.upload = "";
      const image = button.querySelector("img");
      if (!state.session) part("canvas").getContext("2d").drawImage(image, 0, 0, 480, 480);
      else part("notice").textContent = "End the session to see somebody else.";
    });
  }
  const first = buttons.find((button) => button.getAttribute("aria-pressed") === "true");
  if (!first) return;
  state.character = first.dataset.character;
  const image = first.querySelector("img");
  const show = () => part("canvas").getContext("2d").drawImage(image, 0, 0, 480, 480);
  if (image.complete) show();
  else image.addEventListener("load", show, { once: true });
}

function fill(parent, children) {
  parent.replaceChildren(...children);
}

function cell(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
