// The picture alone, for OBS and other programs that show a page: stage?character=mira&sample=welcome&microphone=puppet

import { Session } from "./session.js";

const RELOAD_MS = 5000;
const asked = new URLSearchParams(location.search);
const button = document.querySelector("button");

async function show() {
  button.hidden = true;
  const session = new Session(document.querySelector("canvas"), {
    root: new URL("../..", import.meta.url).pathname,
    asked: document.body.dataset.places === "yes",
    ticket: async () => document.body.dataset.ticket,
    character: asked.get("character") ?? "",
    picture: "",
    codec: asked.get("codec") ?? "",
  });
  // A ticket lasts ten minutes; a stage that runs for days takes a new one with the page.
  session.addEventListener("error", ({ detail }) => {
    if (detail.fatal) setTimeout(() => location.reload(), RELOAD_MS);
  });
  window.flowactStage = session;
  await session.start();
  await session.joined;
  if (asked.has("sample")) session.sample(asked.get("sample"));
  if (asked.has("microphone")) await session.microphone(asked.get("microphone"));
}

// OBS plays sound without a click; a browser wants one.
const probe = new AudioContext();
if (probe.state === "running") show();
else button.hidden = false;
probe.close();
button.onclick = show;
