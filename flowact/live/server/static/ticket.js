// The page hands out tickets: whoever may see it may begin a session, and nobody else.

const LASTS_MS = 240_000;
const LOOK_MS = 50;
const LOOKS = 200;

let text = "";
let issuedAt = -Infinity;

/** Return a ticket that is valid for some minutes. */
export async function theTicket() {
  if (performance.now() - issuedAt <= LASTS_MS) return text;
  try {
    return await newTicket();
  } catch (error) {
    if (text) return text; // nobody hands out tickets at the moment, and the old one may do
    throw error;
  }
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
