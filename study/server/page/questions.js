// The questions: one row each on a desk, one at a time on a phone. Answers are kept in display terms.

import { h, fill } from './dom.js';

const CHOICES = ['left', 'same', 'right'];
const KEYS = { 1: 'left', 2: 'same', 3: 'right', 0: 'cannot' };

export class Questions {
  constructor(dimensions, texts, onSubmit, onAnswer) {
    this.onAnswer = onAnswer;
    this.dimensions = dimensions;
    this.texts = texts;
    this.answers = {};
    this.active = 0;
    this.open = false;
    this.rows = dimensions.map((name, index) => this.row(name, index));
    this.dots = dimensions.map((_, index) =>
      h('button', { type: 'button', class: 'dot', 'aria-label': String(index + 1), onclick: () => this.goTo(index) }),
    );
    this.note = h('p', { class: 'note', 'aria-live': 'polite' });
    this.send = h('button', { type: 'button', class: 'primary send', onclick: onSubmit }, texts.trial.submit);
    this.element = h(
      'section',
      { class: 'questions' },
      h('div', { class: 'rows' }, ...this.rows),
      h('div', { class: 'foot' }, h('div', { class: 'dots' }, ...this.dots), this.note, this.send),
    );
    this.refresh();
  }

  get complete() {
    return this.dimensions.every((name) => this.answers[name]);
  }

  allow() {
    this.open = true;
    this.refresh();
  }

  restore(answers) {
    for (const name of this.dimensions) if (answers[name]) this.answers[name] = answers[name];
    this.refresh();
  }

  answer(index, choice) {
    if (!this.open) return;
    this.answers[this.dimensions[index]] = choice;
    const next = this.dimensions.findIndex((name) => !this.answers[name]);
    this.active = next === -1 ? index : next;
    this.refresh();
    this.onAnswer();
  }

  // Arrows move between the answers of one question, as in any group of radio buttons.
  arrow(event, index) {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!step || !event.target.classList.contains('choice')) return;
    const choices = [...this.rows[index].querySelectorAll('.choice')];
    const next = choices[(choices.indexOf(event.target) + step + choices.length) % choices.length];
    event.preventDefault();
    this.answer(index, next.dataset.choice);
    this.goTo(index);
    next.focus();
  }

  goTo(index) {
    this.active = Math.max(0, Math.min(this.dimensions.length - 1, index));
    this.refresh();
  }

  // Returns true when the key belonged to the questions.
  key(event) {
    if (event.key in KEYS) this.answer(this.active, KEYS[event.key]);
    else if (event.key === 'ArrowDown') this.goTo(this.active + 1);
    else if (event.key === 'ArrowUp') this.goTo(this.active - 1);
    else return false;
    return true;
  }

  row(name, index) {
    const { trial, dimensions } = this.texts;
    const words = { left: trial.a_better, same: trial.same, right: trial.b_better };
    const short = { left: trial.a_short, same: trial.same_short, right: trial.b_short };
    const button = (choice) =>
      h(
        'button',
        {
          type: 'button',
          role: 'radio',
          class: `choice ${choice}`,
          'data-choice': choice,
          'aria-label': words[choice],
          onclick: () => this.answer(index, choice),
        },
        h('span', { class: 'long' }, words[choice]),
        h('span', { class: 'short' }, short[choice]),
      );
    const cannot = h(
      'button',
      {
        type: 'button',
        role: 'radio',
        class: 'choice cannot',
        'data-choice': 'cannot',
        onclick: () => this.answer(index, 'cannot'),
      },
      trial.cannot,
    );
    return h(
      'div',
      { class: 'row', role: 'radiogroup', onkeydown: (event) => this.arrow(event, index), 'aria-label': dimensions[name], 'data-dimension': name },
      h('p', { class: 'asks' }, dimensions[name]),
      h('div', { class: 'choices' }, ...CHOICES.map(button)),
      cannot,
    );
  }

  refresh() {
    this.rows.forEach((row, index) => {
      const given = this.answers[this.dimensions[index]];
      row.classList.toggle('active', index === this.active);
      row.classList.toggle('answered', Boolean(given));
      for (const choice of row.querySelectorAll('.choice')) {
        choice.setAttribute('aria-checked', String(choice.dataset.choice === given));
        choice.tabIndex = choice.dataset.choice === (given ?? 'left') ? 0 : -1;
        choice.disabled = !this.open;
      }
      this.dots[index].classList.toggle('current', index === this.active);
      this.dots[index].classList.toggle('answered', Boolean(given));
    });
    const left = this.dimensions.filter((name) => !this.answers[name]).length;
    this.send.disabled = !this.open || left > 0;
    const { trial } = this.texts;
    this.note.textContent = this.open ? (left ? fill(trial.remaining, { count: left }) : '') : trial.watch_first;
    this.element.classList.toggle('locked', !this.open);
    this.element.classList.toggle('complete', this.open && left === 0);
  }
}
