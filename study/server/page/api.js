// Talks to the study's routes. Every failure becomes a Failure with a code that the texts know.

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
    const reply = await fetch(`${this.base}/page/options`);
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
    const reply = await fetch(`${this.base}/media/${token}`).catch(() => {
      throw new Failure('network', 0);
    });
    if (!reply.ok) throw new Failure(reply.status === 410 ? 'expired' : 'other', reply.status);
    const total = Number(reply.headers.get('Content-Length')) || 1;
    const reader = reply.body.getReader();
    const parts = [];
    let received = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      received += value.length;
      onProgress(Math.min(1, received / total));
    }
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
