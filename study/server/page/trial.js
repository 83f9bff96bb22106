// One pair: the stage with both clips, the transport, the questions.

import { within } from './api.js';
import { fill, h, icon } from './dom.js';
import { PairPlayer } from './player.js';
import { Questions } from './questions.js';

const WIDE = 1.15; // width over height from which a phone has no room for a letter beside a picture
const DECODING = 20000; // milliseconds in which a loaded pair must be ready to play

export class TrialView {
  constructor(served, texts, handlers, draft) {
    this.served = served;
    this.draft = draft;
    this.texts = texts;
    this.handlers = handlers;
    this.requestId = crypto.randomUUID?.() ?? String(Math.random()).slice(2) + Date.now();
    this.startedAt = performance.now();
    this.videos = { left: this.video(texts.trial.a), right: this.video(texts.trial.b) };
    this.player = new PairPlayer(this.videos.left, this.videos.right);
    this.questions = new Questions(served.dimensions, texts, () => this.submit(), () => this.keep());
    this.element = this.build();
    this.wire();
  }

  async load(api) {
    const seen = { left: 0, right: 0 };
    const loadSide = (side) =>
      api.clip(this.served[side], (share) => {
        seen[side] = share;
        this.loading.style.setProperty('--share', (seen.left + seen.right) / 2);
      });
    const [left, right] = await Promise.all([loadSide('left'), loadSide('right')]);
    await within(DECODING, this.player.load({ left, right }));
    const { videoWidth, videoHeight } = this.videos.left; // both sides have one size
    const aspect = videoWidth / videoHeight || 1;
    this.element.style.setProperty('--aspect', aspect);
    this.element.classList.toggle('wide', aspect > WIDE);
    this.element.classList.add('ready');
    this.restore();
    this.playButton.disabled = false;
    this.playButton.focus({ preventScroll: true });
  }

  // Answers given before a reload; a pair that was watched need not be watched again.
  restore() {
    const kept = this.draft.read();
    if (!kept) return;
    this.playback = kept.playback;
    this.questions.restore(kept.answers);
    if (!kept.playback) return;
    this.player.watched = true;
    this.questions.allow();
    this.refresh();
  }

  keep() {
    const playback = this.player.counters.plays ? this.player.report() : this.playback;
    this.draft.write({ answers: this.questions.answers, playback: this.player.watched ? playback : null });
  }

  destroy() {
    document.removeEventListener('keydown', this.onKey);
    this.player.destroy();
  }

  build() {
    const { trial, training, page } = this.texts;
    this.playButton = h(
      'button',
      { type: 'button', class: 'play', disabled: true, onclick: () => this.toggle() },
      h('span', { class: 'play-icon' }),
      h('span', { class: 'play-text' }, trial.play),
    );
    this.bar = h('div', { class: 'bar' });
    this.soundButtons = ['left', 'right'].map((side) =>
      h(
        'button',
        { type: 'button', class: `sound ${side}`, role: 'radio', onclick: () => this.player.hear(side) },
        side === 'left' ? trial.a : trial.b,
      ),
    );
    this.loading = h('div', { class: 'loading' }, h('span', {}, page.loading), h('i'));
    this.enlarge = h(
      'button',
      { type: 'button', class: 'enlarge', 'aria-pressed': 'false', onclick: () => this.resize() },
      icon('enlarge', true),
      h('span', {}, trial.enlarge),
    );
    this.big = h('button', { type: 'button', class: 'big-play', 'aria-label': trial.play, tabindex: '-1', onclick: () => this.toggle() }, icon('play'));
    this.message = h('p', { class: 'message', 'aria-live': 'polite' });
    const stage = h(
      'section',
      { class: 'stage' },
      h('div', { class: 'pair' }, this.side('left', trial.a), this.side('right', trial.b), this.loading, this.big),
      h(
        'div',
        { class: 'transport' },
        this.playButton,
        h('div', { class: 'track' }, this.bar),
        h(
          'div',
          { class: 'hear', role: 'radiogroup', 'aria-label': trial.hear },
          h('span', { class: 'hear-text' }, icon('sound', true), h('span', {}, trial.hear)),
          ...this.soundButtons,
        ),
        this.enlarge,
      ),
      h('p', { class: 'keys' }, trial.keys),
    );
    const intro = this.served.training ? h('p', { class: 'intro' }, training.intro) : null;
    return h(
      'main',
      { class: this.served.training ? 'trial training' : 'trial' },
      stage,
      h('div', { class: 'panel' }, intro, this.questions.element, this.message),
    );
  }

  video(label) {
    return h('video', {
      playsinline: '',
      preload: 'auto',
      muted: true,
      disablepictureinpicture: '',
      disableremoteplayback: '',
      'aria-label': label,
      onclick: () => this.toggle(),
    });
  }

  side(side, label) {
    return h('figure', { class: `side ${side}` }, h('figcaption', {}, label), h('div', { class: 'frame' }, this.videos[side]));
  }

  wire() {
    this.player.addEventListener('change', () => this.refresh());
    this.player.addEventListener('progress', () => this.showProgress());
    this.player.addEventListener('ended', () => {
      if (!this.questions.open) this.watchedAt = performance.now();
      this.questions.allow();
      this.keep();
      this.note('ended');
    });
    for (const kind of ['stall', 'hidden', 'visible']) {
      this.player.addEventListener(kind, () => this.note(kind));
    }
    this.player.addEventListener('stall', () => this.say(this.texts.trial.stalled));
    this.onKey = (event) => this.key(event);
    document.addEventListener('keydown', this.onKey);
    this.refresh();
  }

  async toggle() {
    if (this.playButton.disabled) return;
    const again = this.player.watched && !this.player.playing;
    try {
      await this.player.toggle();
      this.say('');
    } catch {
      this.player.pause();
      this.say(this.texts.trial.refused);
      return;
    }
    this.note(again ? 'replay' : this.player.playing ? 'play' : 'pause');
  }

  resize() {
    const large = this.element.classList.toggle('enlarged');
    this.enlarge.setAttribute('aria-pressed', String(large));
    this.enlarge.querySelector('span').textContent = large ? this.texts.trial.reduce : this.texts.trial.enlarge;
  }

  // Keys of the page never act for another control: a dialog, a link or a button keeps Space and Enter.
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector('dialog[open]') || event.target.closest('input, select, textarea')) return;
    const name = event.key.toLowerCase();
    const owner = event.target.closest('button, a');
    const answer = owner?.classList.contains('choice');
    const foreign = owner && owner !== this.playButton && owner !== this.big && !answer;
    if ((name === ' ' && (foreign || answer)) || (name === 'enter' && foreign)) return;
    if (name === ' ') this.toggle();
    else if (name === 'a') this.player.hear('left');
    else if (name === 'b') this.player.hear('right');
    else if (name === 'enter' && !this.questions.send.disabled) this.submit();
    else if (!this.questions.key(event)) return;
    event.preventDefault();
  }

  refresh() {
    const { trial } = this.texts;
    const { playing, watched, heard } = this.player;
    const name = playing ? 'pause' : watched ? 'replay' : 'play';
    this.playButton.querySelector('.play-icon').replaceChildren(icon(name));
    this.playButton.querySelector('.play-text').textContent = trial[name];
    this.element.classList.toggle('playing', playing);
    this.element.classList.toggle('watched', watched);
    this.soundButtons.forEach((button, index) =>
      button.setAttribute('aria-checked', String(heard === (index ? 'right' : 'left'))),
    );
    for (const side of ['left', 'right']) {
      this.videos[side].closest('.side').classList.toggle('heard', heard === side);
    }
    this.showProgress();
  }

  showProgress() {
    this.bar.style.setProperty('--share', this.player.progress);
  }

  note(kind) {
    this.handlers.event({ trial: this.served.trial, kind, at_ms: Math.round(performance.now() - this.startedAt) });
  }

  say(text) {
    this.message.textContent = text;
  }

  async submit() {
    if (!this.questions.complete || this.sent) return;
    this.sent = true;
    this.player.pause();
    this.questions.send.disabled = true;
    this.element.classList.add('sending');
    const body = {
      trial: this.served.trial,
      request_id: this.requestId,
      choices: this.questions.answers,
      playback: {
        ...(this.player.counters.plays ? this.player.report() : this.playback),
        answer_ms: this.watchedAt ? Math.round(performance.now() - this.watchedAt) : null,
        width: window.innerWidth,
        height: window.innerHeight,
      },
    };
    await this.handlers.vote(body, this);
  }

  // After a practice pair: what the answer should have been, and the way on.
  feedback(receipt, onNext) {
    const { training } = this.texts;
    const { trial } = this.texts;
    const side = receipt.side === 'left' ? trial.a : trial.b;
    const text = receipt.feedback ? training.right : fill(training[`wrong_${receipt.hint}`], { side });
    const weak = receipt.device.length ? h('p', { class: 'weak', role: 'alert' }, training.weak) : null;
    const card = h(
      'div',
      { class: receipt.feedback ? 'feedback good' : 'feedback look' },
      h('p', {}, text),
      weak,
      h(
        'div',
        { class: 'ways' },
        h('button', { type: 'button', class: 'primary', onclick: onNext }, training.next),
        receipt.feedback ? null : h('button', { type: 'button', class: 'again', onclick: () => this.toggle() }, training.again),
      ),
    );
    if (!receipt.feedback) this.element.querySelector(`.side.${receipt.side}`).classList.add('spoilt');
    this.element.classList.add('reviewed');
    this.element.querySelector('.panel').append(card);
    card.querySelector('button').focus();
    document.removeEventListener('keydown', this.onKey);
  }
}

export function progressText(served, texts) {
  if (served.training) return texts.page.practice;
  const { practice } = served;
  return fill(texts.page.pair, { n: served.position + 1 - practice, total: served.total - practice });
}
