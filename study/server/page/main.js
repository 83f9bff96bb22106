// The journey of a participant: consent, check, pairs, thanks. The server says where somebody stands.

import { Api, Failure } from './api.js';
import { aboutView } from './about.js';
import { Draft } from './draft.js';
import { fill, h } from './dom.js';
import { HeadphonesView } from './headphones.js';
import { TrialView, progressText } from './trial.js';
import { consentView, deviceReport, endView, soundView } from './welcome.js';

const RELOAD = ['expired', 'unknown_trial', 'already_voted'];

export async function start(root, base) {
  const journey = new Journey(root, new Api(base));
  await journey.guard(() => journey.begin());
}

class Journey {
  constructor(root, api) {
    this.root = root;
    this.api = api;
    this.view = null;
  }

  async begin() {
    this.options = await this.api.options();
    this.setLocale(this.preferredLocale());
    this.participant = tokenFromAddress();
    if (!this.participant) return this.showConsent();
    try {
      const known = await this.api.post('state', { participant: this.participant });
      this.setLocale(known.locale);
      return await this.resume(known);
    } catch (failure) {
      if (failure.code !== 'unknown_participant') throw failure;
      keepToken(null);
      return this.showConsent();
    }
  }

  async resume({ state, code, ask }) {
    if (ask) return this.showAbout(ask);
    if (state === 'consented') return this.showSound();
    if (state === 'listening') return this.showHeadphones();
    if (state === 'voting') return this.showNext();
    if (state === 'finished') return this.showEnd(this.texts.done, code);
    if (state === 'screened') return this.showEnd(this.texts.screened, code);
    return this.showConsent();
  }

  showConsent() {
    if (this.options.state !== 'open') {
      const text = this.texts.errors[`study_${this.options.state}`];
      return this.show(endView(this.texts.title, text, null, this.texts, false));
    }
    return this.show(consentView(this.options, this.texts, (button) => this.guard(() => this.agree(button))));
  }

  async agree(button) {
    button.disabled = true;
    if (!this.participant) {
      const body = { locale: this.locale, external: recruiterIds() };
      this.participant = (await this.api.post('enter', body)).participant;
      keepToken(this.participant);
    }
    const { consent_version: version } = this.options;
    await this.api.post('consent', { participant: this.participant, version, locale: this.locale });
    await this.resume(await this.api.post('state', { participant: this.participant }));
  }

  showAbout(when) {
    const send = async (answers) => {
      const standing = await this.api.post('about', { participant: this.participant, when, answers });
      await this.guard(() => this.resume(standing));
    };
    this.show(aboutView(this.options.questionnaire[this.locale][when], this.texts, send));
  }

  showSound() {
    const handlers = {
      sound: () => this.api.sound(this.participant),
      check: async (answer, device) => {
        const reply = await this.api.post('check', { participant: this.participant, answer, device });
        if (reply.state === 'consented') return false;
        await this.guard(() => this.resume(reply));
        return true;
      },
    };
    this.show(soundView(this.texts, handlers));
  }

  showHeadphones() {
    const handlers = {
      sound: () => this.api.sound(this.participant),
      check: async (answer) => {
        const reply = await this.api.post('check', { participant: this.participant, answer, device: deviceReport() });
        if (reply.state === 'listening') return false;
        await this.guard(() => this.resume(reply));
        return true;
      },
    };
    const view = new HeadphonesView(this.texts, handlers);
    this.show(view.element, view);
  }

  async showNext() {
    const served = await this.api.post('next', { participant: this.participant });
    if (served.done) return this.resume(served);
    const handlers = {
      event: (body) => this.api.post('event', { participant: this.participant, ...body }).catch(() => {}),
      vote: (body, view) => this.guard(() => this.vote(body, view)),
    };
    const view = new TrialView(served, this.texts, handlers, new Draft(this.participant, served.position));
    this.show(view.element, view, served);
    await view.load(this.api);
    return undefined;
  }

  // The pair that counts now, with the reason why it is not the one that was on the page.
  async showNextBecause(code) {
    await this.showNext();
    this.view?.say(this.texts.errors[code]);
  }

  async vote(body, view) {
    const waiting = (code) => view.say(this.texts.errors[code] ?? this.texts.errors.other);
    const receipt = await this.api.vote({ participant: this.participant, ...body }, waiting);
    view.draft.drop();
    if (receipt.feedback === null) await this.showNext();
    else view.feedback(receipt, () => this.guard(() => this.showNext()));
  }

  showEnd(words, code) {
    this.show(endView(words.title, words.text, code, this.texts, this.options.prolific));
  }

  askWithdrawal() {
    const { withdraw } = this.texts;
    const dialog = h(
      'dialog',
      { class: 'ask' },
      h('h2', {}, withdraw.title),
      h('p', {}, withdraw.text),
      h(
        'div',
        { class: 'buttons' },
        h('button', { type: 'button', class: 'quiet', onclick: () => dialog.remove() }, withdraw.cancel),
        h('button', { type: 'button', class: 'danger', onclick: () => this.guard(() => this.withdraw(dialog)) }, withdraw.confirm),
      ),
    );
    this.root.append(dialog);
    dialog.addEventListener('cancel', () => dialog.remove());
    dialog.showModal();
  }

  async withdraw(dialog) {
    const { erased, code } = await this.api.post('withdraw', { participant: this.participant });
    dialog.remove();
    keepToken(null);
    this.participant = null;
    const { withdraw } = this.texts;
    const text = fill(withdraw.done, { count: erased });
    this.show(endView(withdraw.done_title, text, code, this.texts, this.options.prolific));
  }

  show(element, view = null, served = null) {
    this.view?.destroy();
    this.view = view;
    this.root.replaceChildren(this.header(served), element);
    this.root.classList.toggle('in-trial', Boolean(served));
    window.scrollTo(0, 0);
  }

  header(served) {
    const { home } = this.root.dataset;
    const back = home && !served ? h('a', { class: 'home', href: home }, 'FlowAct') : null;
    const parts = [back, h('span', { class: 'name' }, this.texts.title)];
    if (served) {
      const own = served.position - served.practice;
      const ticks = Array.from({ length: served.total - served.practice }, (_, index) => {
        const kind = index < own ? 'past' : index === own ? 'now' : 'ahead';
        return h('i', { class: kind });
      });
      parts.push(h('div', { class: 'ticks', 'aria-hidden': 'true' }, ...ticks));
      parts.push(h('span', { class: 'count' }, progressText(served, this.texts)));
    }
    parts.push(h('span', { class: 'tools' }, this.languages(served), this.withdrawButton()));
    return h('header', { class: served ? 'top with-progress' : 'top' }, ...parts);
  }

  languages(served) {
    if (served || this.options.locales.length < 2) return null;
    const choose = (locale) => {
      this.setLocale(locale);
      this.guard(() => (this.participant ? this.begin() : this.showConsent()));
    };
    const button = (locale) =>
      h(
        'button',
        { type: 'button', class: 'quiet', lang: locale, 'aria-pressed': String(locale === this.locale), onclick: () => choose(locale) },
        this.options.texts[locale].language,
      );
    return h('span', { class: 'languages' }, ...this.options.locales.map(button));
  }

  withdrawButton() {
    if (!this.participant) return null;
    return h('button', { type: 'button', class: 'quiet', onclick: () => this.askWithdrawal() }, this.texts.page.withdraw);
  }

  setLocale(locale) {
    this.locale = locale;
    this.texts = this.options.texts[locale];
    document.documentElement.lang = locale;
  }

  preferredLocale() {
    const asked = new URLSearchParams(location.search).get('lang') ?? navigator.language;
    return this.options.locales.find((locale) => asked.startsWith(locale)) ?? this.options.locales[0];
  }

  // Runs a step; what goes wrong is said on the page with a way to go on.
  async guard(step) {
    try {
      await step();
    } catch (failure) {
      const code = failure instanceof Failure ? failure.code : 'other';
      if (!(failure instanceof Failure)) console.error(failure);
      if (RELOAD.includes(code)) return this.guard(() => this.showNextBecause(code));
      this.showProblem(code);
    }
    return undefined;
  }

  showProblem(code) {
    const errors = this.texts?.errors ?? { title: 'Error', retry: 'Try again', other: '…' };
    const text = errors[code] ?? errors.other;
    // Not a reload: without a connection the browser would show a page of its own.
    const again = async () => {
      retry.disabled = true;
      await this.guard(() => this.begin());
    };
    const retry = h('button', { type: 'button', class: 'primary', onclick: again }, errors.retry);
    const sheet = h('main', { class: 'sheet problem', role: 'alert' }, h('h1', {}, errors.title), h('p', { class: 'lead' }, text), retry);
    if (this.texts) this.show(sheet);
    else this.root.replaceChildren(sheet);
  }
}

// The token lives in the fragment, which no server log sees; storage is a help for those who lose the link.
function tokenFromAddress() {
  const fromFragment = new URLSearchParams(location.hash.slice(1)).get('p');
  if (fromFragment) return fromFragment;
  try {
    const { PROLIFIC_PID: recruited, INVITATION: invited } = recruiterIds();
    return recruited || invited ? null : localStorage.getItem(storageKey());
  } catch {
    return null;
  }
}

function keepToken(token) {
  const address = location.pathname + location.search + (token ? `#p=${token}` : '');
  history.replaceState(null, '', address);
  try {
    if (token) localStorage.setItem(storageKey(), token);
    else localStorage.removeItem(storageKey());
  } catch {
    // Private windows and some frames have no storage; the fragment is enough.
  }
}

function storageKey() {
  return `study:${location.pathname}`;
}

function recruiterIds() {
  const query = new URLSearchParams(location.search);
  const ids = ['PROLIFIC_PID', 'STUDY_ID', 'SESSION_ID'].map((name) => [name, query.get(name)]);
  ids.push(['INVITATION', new URLSearchParams(location.hash.slice(1)).get('invite')]);
  return Object.fromEntries(ids.filter(([, value]) => value));
}
