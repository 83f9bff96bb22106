// A page of questions about the participant: choices and free texts, most of which may be left out.

import { h } from './dom.js';

export function aboutView(questions, texts, onSend) {
  const { questionnaire, errors } = texts;
  const problem = h('p', { class: 'wrong', role: 'alert' });
  const form = h(
    'form',
    { class: 'about', onsubmit: (event) => event.preventDefault() },
    ...questions.map((question) => (question.options.length ? choice(question) : text(question))),
  );
  const send = h(
    'button',
    {
      type: 'button',
      class: 'primary',
      onclick: async () => {
        const answers = Object.fromEntries([...new FormData(form)].filter(([, value]) => value.trim()));
        if (questions.some((question) => question.required && !answers[question.id])) {
          problem.textContent = questionnaire.needed;
          return;
        }
        send.disabled = true;
        try {
          await onSend(answers);
        } catch (failure) {
          send.disabled = false;
          problem.textContent = errors[failure.code] ?? errors.other;
        }
      },
    },
    questionnaire.send,
  );
  return h(
    'main',
    { class: 'sheet questionnaire' },
    h('h1', {}, questionnaire.title),
    h('p', { class: 'lead' }, questionnaire.lead),
    form,
    problem,
    send,
  );
}

function choice(question) {
  const option = ({ id, text: words }) =>
    h('label', { class: 'option' }, h('input', { type: 'radio', name: question.id, value: id }), h('span', {}, words));
  return h('fieldset', {}, h('legend', {}, question.text), ...question.options.map(option));
}

function text(question) {
  return h(
    'label',
    { class: 'free' },
    h('span', {}, question.text),
    h('textarea', { name: question.id, rows: '3', maxlength: '2000' }),
  );
}
