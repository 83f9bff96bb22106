// Where to connect: to this server, or to one of a fleet, whose gateway gives the places.

const AGAIN_MS = 1000;

export class Places {
  /**
   * @param root path of the page, with a slash at its end.
   * @param options asked (whether there is a gateway), preset (of the model; the usual one if empty),
   *   token() -> the visitor's ticket, told(position in the line).
   */
  constructor(root, { asked = false, preset = "", token, told }) {
    Object.assign(this, { root, asked, preset, token, told });
    this.place = { base: `${root}v1`, ticket: "" };
    this.over = false;
  }

  /** Path of the session interface of the server that has the session. */
  get base() {
    return this.place.base;
  }

  /**
   * The place to connect to; rejects with a sentence if there will be none.
   *
   * @param lost the one that there was does not answer, or gave the session away.
   */
  async take(lost) {
    if (!this.asked || (this.place.ticket && !lost)) return this.place;
    const request = { preset: this.preset, waiting: "", lost: this.place.ticket };
    while (!this.over) {
      const answer = await this.#ask(request);
      if (answer?.error) throw new Error(answer.error);
      if (answer?.type === "place") {
        this.place = { base: answer.path, ticket: answer.ticket };
        break;
      }
      if (!answer) continue;
      request.waiting = answer.ticket;
      this.told(answer.position);
    }
    return this.place;
  }

  /** The server that gives the session away has found it a place; false if it has not. */
  moved({ path, ticket }) {
    if (path) this.place = { base: path, ticket };
    return Boolean(path);
  }

  async #ask(request) {
    const headers = { "Content-Type": "application/json" };
    try {
      const body = JSON.stringify({ ...request, token: await this.token() });
      const answer = await fetch(`${this.root}live/place`, { method: "POST", headers, body });
      if (answer.ok || answer.status === 400) return await answer.json();
    } catch { /* the gateway is away for a moment; who has a session does not need it */ }
    await new Promise((done) => setTimeout(done, AGAIN_MS));
    return null;
  }
}
