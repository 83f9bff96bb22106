/** What a session bears. */
export interface SessionLimits {
  text_characters: number;
  action_characters: number;
  append_bytes: number;
  buffered_seconds: number;
}

/** Events of the server, by type; see /v1/asyncapi.json. */
export interface AvatarEvents {
  "session.created": {
    session: string;
    resume_token: string;
    codec: string;
    resumed: boolean;
    epoch: number;
    microphone: "off" | "puppet" | "conversation";
    heard: number;
    limits: SessionLimits;
  };
  "session.moved": { path: string; ticket: string };
  "session.updated": { voice: string; language: string };
  "queue.position": { position: number };
  "playback.started": { item_id: string; epoch: number; voice_ms: number };
  "playback.finished": { item_id: string; played_ms: number; interrupted: boolean };
  "playback.flushed": { epoch: number };
  metrics: { item_id: string; played_ms: number; buffered_ms: number; dropped: number };
  "user.speech_started": Record<string, never>;
  "user.speech_stopped": { quiet_ms: number };
  "transcript.final": { text: string };
  "reply.delta": { text: string };
  "reply.done": { text: string };
  "microphone.changed": { mode: "off" | "puppet" | "conversation"; why: string };
  "action.changed": { behaviour: string; why: string; at: number };
  notice: { message: string };
  pong: { at: number; server_ms: number; heard: number };
  error: { code: string; message: string; retryable: boolean; fatal: boolean };
  /** Of the client itself: a frame was painted; the connection was closed. */
  painted: { epoch: number };
  closed: { code: number; reason: string };
}

export interface AvatarOptions {
  /** Address of the FlowAct server. */
  server: string;
  /** A client token from POST /v1/sessions; it works once, within a minute. */
  token: string;
  /** Where the modules are; found by default. */
  assets?: string;
}

export interface ItemOptions {
  itemId?: string;
}

interface AvatarMethods {
  /** Let a voice of the server speak a text. */
  say(text: string, options?: ItemOptions & { voice?: string }): void;
  /** Ask a question as if the viewer had typed it, in mode `agent`. */
  ask(text: string): void;
  /** Change how the session talks; what is left out stays. Mode `avatar` has a voice alone. */
  update(options: { voice?: string; language?: string; persona?: string }): void;
  /** Let the person do something, in words. */
  act(text: string): void;
  /** Push 16-bit mono sound of an item. */
  push(samples: Int16Array, options?: ItemOptions & { rate?: number; text?: string }): void;
  /** The item's sound is complete. */
  commit(): void;
  /** Be silent now. */
  interrupt(): void;
  /** Join the session; inside a click. */
  start(): Promise<AvatarEvents["session.created"]>;
  addEventListener<Name extends keyof AvatarEvents>(
    type: Name,
    listener: (event: CustomEvent<AvatarEvents[Name]>) => void,
  ): void;
}

export declare const PROTOCOL: "flowact.v1";

export declare class AvatarClient extends EventTarget {
  constructor(canvas: HTMLCanvasElement, options: AvatarOptions);
  /** End the session. */
  close(): void;
}
export interface AvatarClient extends AvatarMethods {}

/** `<flowact-avatar server="..." token="..." label="Start">`, from `flowact-avatar/element`. */
export declare class FlowActAvatarElement extends HTMLElement {
  /** End the session. */
  stop(): void;
}
export interface FlowActAvatarElement extends AvatarMethods {}

declare global {
  interface HTMLElementTagNameMap {
    "flowact-avatar": FlowActAvatarElement;
  }
}
