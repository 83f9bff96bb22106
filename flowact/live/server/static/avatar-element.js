// <flowact-avatar server="https://..." token="...">: a live avatar on any page. The token comes from the page's own
// server, which asks POST /v1/sessions with the owner's key.

import { AvatarClient } from "./avatar-client.js";

const STYLE = `
  :host { display: inline-block; position: relative; width: 480px; max-width: 100%; aspect-ratio: 1; }
  canvas { width: 100%; height: 100%; display: block; border-radius: inherit; background: #8883; }
  button { position: absolute; inset: auto 0 8% 0; margin: auto; width: max-content; font: inherit;
    padding: .6em 1.4em; border: 0; border-radius: 2em; background: #111c; color: #fff; cursor: pointer; }
  p { position: absolute; inset: auto 0 0 0; margin: 0; padding: .6em; font: inherit; color: #fff; background: #111c; }
  [hidden] { display: none; }
`;

export class FlowActAvatarElement extends HTMLElement {
  static observedAttributes = ["label"];

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.innerHTML = `<style>${STYLE}</style>
      <canvas width="480" height="480" role="img" aria-label="A generated person"></canvas>
      <button type="button" part="start"></button><p role="alert" part="problem" hidden></p>`;
    this.button = root.querySelector("button");
    this.button.textContent = this.getAttribute("label") ?? "Start";
    this.button.onclick = () => this.start().catch(() => {});
  }

  attributeChangedCallback(_name, _old, label) {
    this.button.textContent = label ?? "Start";
  }

  disconnectedCallback() {
    this.stop();
  }

  /** Join the session of the attribute `token`; call it in a click, or let the button do it. */
  async start() {
    this.stop();
    this.button.hidden = true;
    const problem = this.shadowRoot.querySelector("p");
    problem.hidden = true;
    const client = new AvatarClient(this.shadowRoot.querySelector("canvas"), {
      server: this.getAttribute("server") ?? new URL("../../", import.meta.url).href,
      token: this.getAttribute("token") ?? "",
    });
    this.client = client;
    const pass = client.dispatchEvent.bind(client);
    client.dispatchEvent = (event) => {
      this.dispatchEvent(new CustomEvent(event.type, { detail: event.detail }));
      return pass(event);
    };
    try {
      return await client.start();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = this.button.hidden = false;
      throw error;
    }
  }

  say(text, options) {
    this.client?.say(text, options);
  }

  ask(text) {
    this.client?.ask(text);
  }

  update(options) {
    this.client?.update(options);
  }

  act(text) {
    this.client?.act(text);
  }

  push(samples, options) {
    this.client?.push(samples, options);
  }

  commit() {
    this.client?.commit();
  }

  interrupt() {
    this.client?.interrupt();
  }

  stop() {
    this.client?.close();
    this.client = null;
    this.button.hidden = false;
  }
}

if (!customElements.get("flowact-avatar")) customElements.define("flowact-avatar", FlowActAvatarElement);
