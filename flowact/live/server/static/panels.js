// What the page shows of a running session: what was chosen and why, and how fast everything is.

const MOST_PLANS = 60;
const SETTLED = 150; // pictures after which an average says something
const SLOW = 18; // pictures a second

/** Put a decision on top of the timeline. */
export function addPlan(list, { at, behaviour, why }) {
  const entry = document.createElement("li");
  entry.append(made("time", `${at.toFixed(1)} s`), made("b", spoken(behaviour)), why);
  list.prepend(entry);
  while (list.children.length > MOST_PLANS) list.lastElementChild.remove();
}

/** Say a behaviour's name as people do. */
export function spoken(behaviour) {
  return behaviour.replaceAll("_", " ");
}

/** Fill the table of delays. */
export function showFigures(table, { stages, buffered_ms: buffered }) {
  const rows = [
    ["sound in hand", buffered, ""],
    ...Object.entries(stages).map(([name, { p50_ms, p95_ms }]) => [name, p50_ms, p95_ms]),
  ];
  table.replaceChildren(...rows.map(([name, ...values]) => {
    const row = document.createElement("tr");
    row.append(made("th", name), ...values.map((value) => made("td", value)));
    return row;
  }));
}

/** How many pictures there were, in a sentence. */
export function counts({ fps_painted: fps, frames_painted: painted, frames_missed: missed }) {
  return `${painted} pictures were shown and ${missed} came too late; ${fps.toFixed(1)} a second now.`;
}

/** What a visitor should know of the connection, for under the picture: usually nothing. */
export function quietLine({ fps_painted: fps, frames_painted: painted, stages }, puppet) {
  const words = [];
  if (painted > SETTLED && fps < SLOW) words.push("Slow connection or busy server: the picture falters");
  const delay = stages["microphone to lips"];
  if (puppet && delay) words.push(`Your voice arrives after ${(delay.p50_ms / 1000).toFixed(2)} s`);
  return words.join(" · ");
}

function made(kind, text) {
  const element = document.createElement(kind);
  element.textContent = text;
  return element;
}
