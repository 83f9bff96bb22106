// Files that leave the page and files that come out of it.

import { theTicket } from "./ticket.js";

/** Upload a file as "audio" or "picture" and return the name to ask for it with. */
export async function sendFile(base, sort, file, consent) {
  const headers = {
    "X-Ticket": await theTicket(),
    "X-Filename": encodeURIComponent(file.name.slice(-60)),
    "X-Consent": consent ? "yes" : "no",
  };
  let answer;
  try {
    answer = await fetch(`${base}/upload/${sort}`, { method: "POST", body: file, headers });
  } catch {
    throw new Error(`${file.name} could not be sent.`);
  }
  const { name, error } = await answer.json();
  if (error) throw new Error(error);
  return name;
}

/** Let the browser save a blob. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
