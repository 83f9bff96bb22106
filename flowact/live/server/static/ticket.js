// Gradio hands out tickets: whoever may see its page may begin a session, and nobody else.

const LASTS_MS = 240_000;
const LOOK_MS = 50;
const LOOKS = 200;

let text = "";
let issuedAt = -Infinity;

/** Return a ticket that is valid for some minutes. */
export async function theTicket() {
  return performance.now() - issuedAt > LASTS_MS ? newTicket() : text;
}

/** Become a new visitor: what the one before uploaded is deleted with that one's session. */
export async function newTicket() {
  for (let look = 0; !window.flowactTicket && look < LOOKS; look++) {
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
  text = await window.flowactTicket();
  issuedAt = performance.now();
  return text;
}
