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
    this.parts = {}; // numbers of rated questions, side by side
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
    for (const name of this.dimensions) if (answers[name]) this.put(name, answers[name]);
    const next = this.dimensions.findIndex((name) => !this.answers[name]);
    this.goTo(next === -1 ? 0 : next);
  }

  answer(index, choice) {
    if (!this.open) return;
    this.put(this.dimensions[index], choice);
    const next = this.dimensions.findIndex((name) => !this.answers[name]);
    this.active = next === -1 ? index : next;
    this.refresh();
    this.onAnswer();
  }

  put(name, choice) {
    this.answers[name] = choice;
    const [left, right] = choice.includes('/') ? choice.split('/').map(Number) : [];
    this.parts[name] = { left, right };
  }

  // Arrows move between the answers of one question, as in any group of radio buttons.
  arrow(event, index) {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!step || !event.target.classList.contains('choice') || this.rows[index].classList.contains('rated')) return;
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
    const form = this.texts.answer_forms[this.dimensions[this.active]];
    if (form === 'rating' && /^[1-5]$/.test(event.key)) this.rateNext(Number(event.key));
    else if (event.key in KEYS) this.answerByKey(form, KEYS[event.key]);
    else if (event.key === 'ArrowDown') this.goTo(this.active + 1);
    else if (event.key === 'ArrowUp') this.goTo(this.active - 1);
    else return false;
    return true;
  }

  answerByKey(form, choice) {
    const offered = { gsb: true, forced: choice !== 'same', rating: choice === 'cannot' };
    if (offered[form]) this.answer(this.active, choice);
  }

  // Digits rate A first, then B.
  rateNext(value) {
    if (!this.open) return;
    const { left, right } = this.parts[this.dimensions[this.active]] ?? {};
    this.rate(this.active, left && !right ? 'right' : 'left', value);
  }

  row(name, index) {
    const { trial, dimensions, answer_forms: forms } = this.texts;
    const rated = forms[name] === 'rating';
    const parts = rated ? this.ratings(name, index) : [this.sides(name, index)];
    const cannot = this.choice('cannot', trial.cannot, trial.cannot, () => this.answer(index, 'cannot'));
    return h(
      'div',
      {
        class: rated ? 'row rated' : 'row',
        role: rated ? 'group' : 'radiogroup',
        onkeydown: (event) => this.arrow(event, index),
        'aria-label': dimensions[name],
        'data-dimension': name,
      },
      h('p', { class: 'asks' }, dimensions[name]),
      ...parts,
      cannot,
    );
  }

  // A is better, no difference, B is better; a forced question has no middle.
  sides(name, index) {
    const { trial, answer_forms: forms } = this.texts;
    const words = { left: trial.a_better, same: trial.same, right: trial.b_better };
    const short = { left: trial.a_short, same: trial.same_short, right: trial.b_short };
    const offered = CHOICES.filter((choice) => choice !== 'same' || forms[name] !== 'forced');
    const buttons = offered.map((choice) =>
      this.choice(choice, words[choice], short[choice], () => this.answer(index, choice)),
    );
    return h('div', { class: offered.length === 2 ? 'choices forced' : 'choices' }, ...buttons);
  }

  // Both sides from 1 to 5; the answer is complete once both have a number.
  ratings(name, index) {
    const { trial } = this.texts;
    const side = (key, label) => {
      const buttons = [1, 2, 3, 4, 5].map((value) =>
        this.choice(`${key}${value}`, String(value), String(value), () => this.rate(index, key, value), `${label}: ${value}`),
      );
      return h('div', { class: `choices five ${key}`, role: 'radiogroup', 'aria-label': label }, h('span', {}, label), ...buttons);
    };
    return [side('left', trial.a), side('right', trial.b), h('p', { class: 'scale' }, trial.scale)];
  }

  rate(index, side, value) {
    const name = this.dimensions[index];
    this.parts[name] = { ...this.parts[name], [side]: value };
    const { left, right } = this.parts[name];
    if (left && right) this.answer(index, `${left}/${right}`);
    else this.refresh();
  }

  choice(name, long, short, onclick, label = long) {
    return h(
      'button',
      { type: 'button', role: 'radio', class: `choice ${name}`, 'data-choice': name, 'aria-label': label, onclick },
      h('span', { class: 'long' }, long),
      h('span', { class: 'short' }, short),
    );
  }

  // The buttons of a row that are pressed.
  pressed(name) {
    const given = this.answers[name];
    if (given === 'cannot') return ['cannot'];
    const { left, right } = this.parts[name] ?? {};
    return [given, left && `left${left}`, right && `right${right}`];
  }

  refresh() {
    this.rows.forEach((row, index) => {
      const given = this.answers[this.dimensions[index]];
      row.classList.toggle('active', index === this.active);
      row.classList.toggle('answered', Boolean(given));
      const pressed = this.pressed(this.dimensions[index]);
      const choices = [...row.querySelectorAll('.choice')];
      const reachable = choices.find((choice) => pressed.includes(choice.dataset.choice)) ?? choices[0];
      for (const choice of choices) {
        choice.setAttribute('aria-checked', String(pressed.includes(choice.dataset.choice)));
        choice.tabIndex = choice === reachable || row.classList.contains('rated') ? 0 : -1;
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
