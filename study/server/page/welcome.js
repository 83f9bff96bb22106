// The way in: consent, then the device and sound check.

import { fill, h, icon } from './dom.js';

export function consentView(options, texts, onAgree) {
  const { consent, page } = texts;
  const begin = h('button', { type: 'button', class: 'primary', disabled: true, onclick: () => onAgree(begin) }, page.begin);
  const tick = h('input', { type: 'checkbox', id: 'agree', onchange: () => (begin.disabled = !tick.checked) });
  const contact = options.contact ? h('p', { class: 'small' }, fill(consent.contact, { contact: options.contact })) : null;
  return h(
    'main',
    { class: 'sheet consent' },
    h('h1', {}, texts.title),
    h(
      'p',
      { class: 'facts' },
      h('span', {}, fill(consent.duration, { minutes: options.minutes })),
      h('span', {}, fill(consent.pairs, { count: options.pairs })),
    ),
    h('h2', {}, consent.steps_title),
    h('ol', { class: 'steps' }, ...consent.steps.map((step) => h('li', {}, step))),
    h('p', { class: 'legal' }, consent.text),
    contact,
    h('label', { class: 'agree', for: 'agree' }, tick, h('span', {}, consent.agree)),
    begin,
  );
}

export function deviceReport() {
  const probe = document.createElement('video');
  return {
    width: window.innerWidth,
    height: window.innerHeight,
    pixel_ratio: window.devicePixelRatio || 1,
    touch: navigator.maxTouchPoints > 0,
    can_play: probe.canPlayType('video/mp4; codecs="avc1.64001f, mp4a.40.2"') !== '',
  };
}

export function soundView(texts, handlers) {
  const { sound } = texts;
  const device = deviceReport();
  const player = h('audio', {});
  // A button that fails says why: no connection, or a browser that does not let the sound play.
  const attempt = async (step) => {
    wrong.textContent = '';
    try {
      await step();
    } catch (failure) {
      wrong.textContent = failure.code ? (texts.errors[failure.code] ?? texts.errors.other) : texts.trial.refused;
    }
  };
  const play = h(
    'button',
    {
      type: 'button',
      class: 'listen',
      onclick: () =>
        attempt(async () => {
          player.src = URL.createObjectURL(await handlers.sound());
          await player.play();
          play.querySelector('span').textContent = sound.again;
          field.focus();
        }),
    },
    icon('sound', true),
    h('span', {}, sound.play),
  );
  const field = h('input', {
    id: 'digits',
    inputmode: 'numeric',
    autocomplete: 'off',
    maxlength: '3',
    placeholder: '– – –',
    oninput: () => (submit.disabled = !/^\d{3}$/.test(field.value)),
    onkeydown: (event) => event.key === 'Enter' && !submit.disabled && submit.click(),
  });
  const wrong = h('p', { class: 'wrong', 'aria-live': 'assertive' });
  const submit = h(
    'button',
    {
      type: 'button',
      class: 'primary',
      disabled: true,
      onclick: () =>
        attempt(async () => {
          if (await handlers.check(field.value, device)) return;
          wrong.textContent = sound.wrong;
          field.value = '';
          submit.disabled = true;
        }),
    },
    sound.submit,
  );
  const small = Math.min(device.width, device.height) < 340;
  const verdict = device.can_play ? (small ? sound.device_small : sound.device_ok) : sound.device_bad;
  return h(
    'main',
    { class: 'sheet check' },
    h('h1', {}, sound.title),
    h('p', { class: 'lead' }, sound.lead),
    play,
    h('div', { class: 'digits' }, h('label', { for: 'digits' }, sound.label), field, submit),
    wrong,
    h('p', { class: device.can_play ? 'device good' : 'device bad' }, icon('check', true), verdict),
    player,
  );
}

export function endView(title, text, code, texts, prolific) {
  const parts = [h('h1', {}, title), h('p', { class: 'lead' }, text)];
  if (code) {
    const shown = h('strong', {}, code);
    const copy = h(
      'button',
      {
        type: 'button',
        onclick: async () => {
          if (await copied(shown)) copy.textContent = texts.done.copied;
        },
      },
      texts.done.copy,
    );
    parts.push(h('div', { class: 'code' }, h('span', {}, texts.done.code), shown, copy));
    if (prolific) {
      const href = `https://app.prolific.com/submissions/complete?cc=${encodeURIComponent(code)}`;
      parts.push(h('a', { class: 'primary', href }, texts.done.return));
    }
  }
  return h('main', { class: 'sheet end' }, ...parts);
}

// Marks a text, so that it can be copied by hand too: without HTTPS there is no clipboard.
async function copied(element) {
  window.getSelection().selectAllChildren(element);
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    return document.execCommand('copy');
  }
}
