// What the viewer asked for, until the server has surely heard it: a lost line swallows nothing.

const REMEMBERED_MS = 10_000; // a server that takes over may know less than the last one had heard

export class Requests {
  /** @param send passes a message on, or loses it where there is no connection. */
  constructor(send) {
    this.send = send;
    this.number = 0; // of the newest
    this.heard = 0; // greatest number of which the server has said that it heard it
    this.kept = [];
  }

  ask(message) {
    const numbered = { ...message, number: ++this.number };
    this.kept.push({ message: numbered, at: performance.now() });
    this.send(numbered);
  }

  /** The server has told how far it has heard. */
  confirm(heard) {
    this.heard = Math.max(this.heard, heard);
    const since = performance.now() - REMEMBERED_MS;
    this.kept = this.kept.filter(({ message, at }) => message.number > this.heard || at > since);
  }

  /** There is a connection again: send what the session has not heard. */
  repeat({ heard, resumed }) {
    const known = resumed ? heard : this.heard; // a new session has heard nothing, and need not hear all again
    for (const { message } of this.kept) if (message.number > known) this.send(message);
  }
}
