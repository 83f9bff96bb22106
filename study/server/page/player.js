// Plays two clips as one: started together, kept together, one of them heard, everything measured.

import { Failure } from './api.js';

const NUDGE = 0.012; // seconds of drift below which nothing is corrected
const SEEK = 0.25; // seconds of drift above which the silent side jumps instead of hurrying
const GAIN = 4; // share of the drift that is made up per second
const MAX_RATE = 0.15; // how much faster or slower the silent side may run

export class PairPlayer extends EventTarget {
  constructor(left, right) {
    super();
    this.videos = { left, right };
    this.heard = 'left';
    this.heardSides = new Set();
    this.finished = { left: false, right: false };
    this.watched = false;
    this.playing = false;
    this.drifts = [];
    this.presented = { left: null, right: null };
    this.counters = { stalls: 0, stalled_ms: 0, hidden_ms: 0, plays: 0 };
    this.hiddenSince = null;
    this.stalledSince = null;
    for (const side of ['left', 'right']) this.listen(side);
    this.onVisibility = () => this.visibilityChanged();
    document.addEventListener('visibilitychange', this.onVisibility);
  }

  async load(urls) {
    const ready = ['left', 'right'].map(
      (side) =>
        new Promise((resolve, reject) => {
          const video = this.videos[side];
          video.addEventListener('canplaythrough', resolve, { once: true });
          video.addEventListener('error', () => reject(new Failure('media', 0)), { once: true });
          video.src = urls[side];
          video.load();
        }),
    );
    await Promise.all(ready);
  }

  async toggle() {
    if (this.playing) this.pause();
    else await this.play();
  }

  async play() {
    const { left, right } = this.videos;
    if (left.ended || right.ended || this.counters.plays === 0) await this.rewind();
    this.counters.plays += 1;
    this.hear(this.heard);
    this.heardSides.add(this.heard);
    this.finished = { left: false, right: false };
    await Promise.all([left.play(), right.play()]);
    this.playing = true;
    this.watchFrames('left');
    this.watchFrames('right');
    this.emit('change');
    requestAnimationFrame(() => this.keepTogether());
  }

  pause() {
    this.playing = false;
    for (const video of Object.values(this.videos)) {
      video.pause();
      video.playbackRate = 1;
    }
    this.emit('change');
  }

  hear(side) {
    this.heard = side;
    if (this.playing) this.heardSides.add(side);
    this.videos.left.muted = side !== 'left';
    this.videos.right.muted = side !== 'right';
    this.emit('change');
  }

  // Share of the clip that has been played, 0 to 1.
  get progress() {
    const { left } = this.videos;
    return left.duration ? Math.min(1, left.currentTime / left.duration) : 0;
  }

  report() {
    const drifts = [...this.drifts].sort((a, b) => a - b);
    const quality = Object.values(this.videos).map((video) => video.getVideoPlaybackQuality?.());
    const known = quality.every(Boolean);
    return {
      drift_max_ms: drifts.length ? round(drifts.at(-1)) : null,
      drift_p95_ms: drifts.length ? round(drifts[Math.floor(0.95 * (drifts.length - 1))]) : null,
      drift_samples: drifts.length,
      stalls: this.counters.stalls,
      stalled_ms: round(this.counters.stalled_ms),
      hidden_ms: round(this.counters.hidden_ms),
      plays: this.counters.plays,
      dropped: known ? quality.reduce((sum, part) => sum + part.droppedVideoFrames, 0) : null,
      frames: known ? quality.reduce((sum, part) => sum + part.totalVideoFrames, 0) : null,
      heard: this.heardSides.size === 2 ? 'both' : [...this.heardSides][0] ?? null,
    };
  }

  destroy() {
    this.pause();
    document.removeEventListener('visibilitychange', this.onVisibility);
    for (const video of Object.values(this.videos)) {
      URL.revokeObjectURL(video.src);
      video.removeAttribute('src');
      video.load();
    }
  }

  async rewind() {
    const sought = Object.values(this.videos).map(
      (video) =>
        new Promise((resolve) => {
          if (video.currentTime === 0) resolve();
          video.addEventListener('seeked', resolve, { once: true });
          video.currentTime = 0;
        }),
    );
    await Promise.all(sought);
    this.presented = { left: null, right: null };
  }

  listen(side) {
    const video = this.videos[side];
    video.addEventListener('ended', () => {
      this.finished[side] = true;
      if (!this.finished.left || !this.finished.right) return;
      this.playing = false;
      this.watched = true;
      this.emit('ended');
      this.emit('change');
    });
    video.addEventListener('waiting', () => {
      if (!this.playing || this.stalledSince !== null) return;
      this.counters.stalls += 1;
      this.stalledSince = performance.now();
      this.emit('stall');
    });
    video.addEventListener('playing', () => {
      if (this.stalledSince === null) return;
      this.counters.stalled_ms += performance.now() - this.stalledSince;
      this.stalledSince = null;
    });
  }

  watchFrames(side) {
    const video = this.videos[side];
    if (!video.requestVideoFrameCallback) return;
    const note = (_now, frame) => {
      this.presented[side] = { media: frame.mediaTime, at: frame.expectedDisplayTime };
      if (this.playing) video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
  }

  // Media time of a side now: from the frame that was really shown where the browser tells.
  position(side, now) {
    const shown = this.presented[side];
    if (!shown) return this.videos[side].currentTime;
    return shown.media + (now - shown.at) / 1000;
  }

  keepTogether() {
    if (!this.playing) return;
    const { left, right } = this.videos;
    if (!left.ended && !right.ended && !left.seeking && !right.seeking) {
      const now = performance.now();
      const fresh = ['left', 'right'].every(
        (side) => !this.presented[side] || now - this.presented[side].at < 200,
      );
      const drift = fresh
        ? this.position('left', now) - this.position('right', now)
        : left.currentTime - right.currentTime;
      this.drifts.push(Math.abs(drift) * 1000);
      this.correct(this.heard === 'left' ? drift : -drift);
    }
    this.emit('progress');
    requestAnimationFrame(() => this.keepTogether());
  }

  // `lead` is how far the heard side is ahead; only the silent side is ever touched.
  correct(lead) {
    const heard = this.videos[this.heard];
    const silent = this.videos[this.heard === 'left' ? 'right' : 'left'];
    heard.playbackRate = 1;
    if (Math.abs(lead) > SEEK) silent.currentTime = heard.currentTime;
    const rate = Math.abs(lead) < NUDGE ? 1 : 1 + Math.max(-MAX_RATE, Math.min(MAX_RATE, GAIN * lead));
    if (silent.playbackRate !== rate) silent.playbackRate = rate;
  }

  visibilityChanged() {
    if (document.hidden) {
      this.hiddenSince = performance.now();
      if (this.playing) this.pause();
      this.emit('hidden');
    } else if (this.hiddenSince !== null) {
      this.counters.hidden_ms += performance.now() - this.hiddenSince;
      this.hiddenSince = null;
      this.emit('visible');
    }
  }

  emit(name) {
    this.dispatchEvent(new Event(name));
  }
}

function round(value) {
  return Math.round(value * 10) / 10;
}
