// The headphone check: rounds of three noises, one of which holds a tone that only both ears together hear.

import { fill, h, icon } from './dom.js';

const ROUNDS = 6;
const NOISES = [1, 2, 3];

export class HeadphonesView {
  // `handlers.sound` fetches all rounds as one recording, `handlers.check` sends the answers and says whether to go on.
  constructor(texts, handlers) {
    this.texts = texts;
    this.handlers = handlers;
    this.player = h('audio', { ontimeupdate: () => this.follow(), onended: () => this.stop() });
    this.element = this.build();
    this.begin();
  }

  build() {
    const { headphones } = this.texts;
    this.word = h('span', {}, headphones.play);
    this.play = h('button', { type: 'button', class: 'listen', onclick: () => this.start() }, icon('sound', true), this.word);
    this.buttons = NOISES.map((number) =>
      h('button', { type: 'button', class: 'noise', disabled: true, onclick: () => this.answer(number) }, String(number)),
    );
    this.count = h('p', { class: 'small' });
    this.wrong = h('p', { class: 'wrong', 'aria-live': 'assertive' });
    return h(
      'main',
      { class: 'sheet check headphones' },
      h('h1', {}, headphones.title),
      h('p', { class: 'lead' }, headphones.lead),
      this.play,
      h('p', { class: 'label' }, headphones.question),
      h('div', { class: 'noises', role: 'group', 'aria-label': headphones.question }, ...this.buttons),
      this.count,
      this.wrong,
      this.player,
    );
  }

  // A fresh try: new noises, no answer yet.
  begin() {
    this.destroy();
    this.answers = '';
    this.ready = null;
    this.refresh();
  }

  refresh() {
    this.count.textContent = fill(this.texts.headphones.round, { n: Math.min(this.answers.length + 1, ROUNDS), total: ROUNDS });
  }

  get lasts() {
    return this.player.duration / ROUNDS;
  }

  async start() {
    await this.attempt(async () => {
      this.ready ??= await this.load();
      this.player.currentTime = this.answers.length * this.lasts;
      await this.player.play();
      this.word.textContent = this.texts.headphones.again;
      for (const button of this.buttons) button.disabled = false;
    });
  }

  async load() {
    const address = URL.createObjectURL(await this.handlers.sound());
    const known = new Promise((resolve, reject) => {
      this.player.addEventListener('loadedmetadata', resolve, { once: true });
      this.player.addEventListener('error', reject, { once: true });
    });
    this.player.src = address;
    await known;
    return address;
  }

  // Shows which of the three is heard, and stops at the end of the round.
  follow() {
    const into = this.player.currentTime - this.answers.length * this.lasts;
    if (into >= this.lasts) this.stop();
    else this.mark(Math.floor((NOISES.length * into) / this.lasts));
  }

  stop() {
    this.player.pause();
    this.mark(-1);
  }

  mark(index) {
    this.buttons.forEach((button, own) => button.classList.toggle('now', own === index && !this.player.paused));
  }

  async answer(number) {
    this.stop();
    this.answers += number;
    for (const button of this.buttons) button.disabled = true;
    this.word.textContent = this.texts.headphones.play;
    if (this.answers.length < ROUNDS) {
      this.refresh();
      await this.start();
      return;
    }
    await this.attempt(async () => {
      if (await this.handlers.check(this.answers)) return;
      this.begin();
      this.wrong.textContent = this.texts.headphones.wrong;
    });
  }

  // A button that fails says why; an answer that did not arrive is given again.
  async attempt(step) {
    this.wrong.textContent = '';
    try {
      await step();
    } catch (failure) {
      this.answers = this.answers.slice(0, ROUNDS - 1);
      this.wrong.textContent = failure.code ? (this.texts.errors[failure.code] ?? this.texts.errors.other) : this.texts.trial.refused;
    }
  }

  destroy() {
    this.player.pause();
    if (this.ready) URL.revokeObjectURL(this.ready);
  }
}
