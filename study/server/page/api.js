// Talks to the study's routes. Every failure becomes a Failure with a code that the texts know.

const PATIENCE = 20000; // milliseconds without a byte, after which loading is given up

export class Failure extends Error {
  constructor(code, status) {
    super(code);
    this.code = code;
    this.status = status;
  }
}

export class Api {
  constructor(base) {
    this.base = base;
  }

  async options() {
    const reply = await fetch(`${this.base}/page/options`).catch(() => {
      throw new Failure('network', 0);
    });
    if (!reply.ok) throw new Failure('other', reply.status);
    return reply.json();
  }

  async post(path, body) {
    const reply = await this.send(path, body);
    return reply.json();
  }

  async sound(participant) {
    const reply = await this.send('sound', { participant });
    return reply.blob();
  }

  // Sends a vote until the server has answered; the same request id makes a repetition harmless.
  async vote(body, onWaiting) {
    for (let wait = 1000; ; wait = Math.min(wait * 2, 15000)) {
      try {
        return await this.post('vote', body);
      } catch (failure) {
        if (failure.code !== 'network' && failure.status !== 503) throw failure;
        onWaiting(failure.code);
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  // Loads a clip whole, so that nothing stalls while both sides play.
  async clip(token, onProgress) {
    const silence = new Silence(PATIENCE);
    const reply = await fetch(`${this.base}/media/${token}`, { signal: silence.signal }).catch(() => {
      throw silence.failure();
    });
    if (!reply.ok) throw new Failure(reply.status === 410 ? 'expired' : 'other', reply.status);
    const total = Number(reply.headers.get('Content-Length')) || 1;
    const reader = reply.body.getReader();
    const parts = [];
    let received = 0;
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw silence.failure();
      });
      silence.heard();
      if (done) break;
      parts.push(value);
      received += value.length;
      onProgress(Math.min(1, received / total));
    }
    silence.end();
    return URL.createObjectURL(new Blob(parts, { type: 'video/mp4' }));
  }

  async send(path, body) {
    const reply = await fetch(`${this.base}/api/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      credentials: 'omit',
    }).catch(() => {
      throw new Failure('network', 0);
    });
    if (!reply.ok) {
      const detail = await reply.json().catch(() => ({}));
      throw new Failure(detail.code ?? 'other', reply.status);
    }
    return reply;
  }
}

// Gives a transfer up once nothing has come for a while.
class Silence {
  constructor(patience) {
    this.patience = patience;
    this.controller = new AbortController();
    this.signal = this.controller.signal;
    this.heard();
  }

  heard() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.controller.abort(), this.patience);
  }

  end() {
    clearTimeout(this.timer);
  }

  failure() {
    this.end();
    return new Failure(this.signal.aborted ? 'slow' : 'network', 0);
  }
}

// Waits for something that may never come.
export function within(milliseconds, promise) {
  const limit = new Promise((_, reject) => {
    setTimeout(() => reject(new Failure('slow', 0)), milliseconds);
  });
  return Promise.race([promise, limit]);
}
