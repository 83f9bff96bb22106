// What the page shows of a running session: what was chosen and why, and how fast everything is.

const MOST_PLANS = 60;

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
export function showFigures(table, { stages, frames_missed: missed, frames_painted: painted, buffered_ms: buffered }) {
  const rows = [
    ["frames painted / missed", painted, missed],
    ["sound in hand", buffered, ""],
    ...Object.entries(stages).map(([name, { p50_ms, p95_ms }]) => [name, p50_ms, p95_ms]),
  ];
  table.replaceChildren(...rows.map(([name, ...values]) => {
    const row = document.createElement("tr");
    row.append(made("th", name), ...values.map((value) => made("td", value)));
    return row;
  }));
}

/** One line about the session for under the picture. */
export function oneLine({ fps_painted: fps, stages }, puppet) {
  const words = [`${fps.toFixed(1)} pictures a second`];
  const offset = stages["A/V offset"];
  if (offset) words.push(`sound and lips ${Math.abs(Math.round(offset.p50_ms))} ms apart`);
  const delay = stages["microphone to lips"];
  if (puppet && delay) words.push(`your voice arrives after ${(delay.p50_ms / 1000).toFixed(2)} s`);
  return words.join(" · ");
}

function made(kind, text) {
  const element = document.createElement(kind);
  element.textContent = text;
  return element;
}
