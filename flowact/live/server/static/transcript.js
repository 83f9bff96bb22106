// What both sides said: a list that grows, and captions over the picture.

const CAPTION_MS = 8_000; // after the last word a caption has been read
const CAPTION_LINES = 3;
const LETTER_PX = 10; // with the room that a line leaves at its ends
const MOST_LINES = 200;

export class Transcript {
  /**
   * @param list the ordered list of both sides.
   * @param captions where the newest words stand over the picture.
   */
  constructor(list, captions) {
    this.list = list;
    this.captions = captions;
    this.name = ""; // of who answers
    this.clear();
  }

  clear() {
    this.list.replaceChildren();
    this.captions.replaceChildren();
    this.answer = null;
  }

  heard(text) {
    this.answer = null;
    this.#add("you", "You", text);
    this.#caption("you", text);
  }

  /** The answer goes on. */
  grow(more) {
    this.#answered((this.answer?.lastElementChild.textContent ?? "") + more);
  }

  /** The whole answer. */
  replied(text) {
    if (text) this.#answered(text);
    this.answer = null;
  }

  /** Show the newest line; a list that was not seen has not followed. */
  follow() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  text() {
    return [...this.list.children].map((line) => [...line.children].map((part) => part.textContent).join(": ")).join("\n");
  }

  #answered(text) {
    if (this.answer) this.answer.lastElementChild.textContent = text;
    else this.answer = this.#add("avatar", this.name, text);
    this.follow();
    this.#caption("avatar", text);
  }

  #add(who, name, text) {
    const line = document.createElement("li");
    line.dataset.who = who;
    line.append(made("b", name), made("span", text));
    this.list.append(line);
    while (this.list.children.length > MOST_LINES) this.list.firstElementChild.remove();
    this.follow();
    return line;
  }

  #caption(who, text) {
    const most = Math.max(CAPTION_LINES * Math.floor(this.captions.clientWidth / LETTER_PX), CAPTION_LINES);
    const end = text.length > most ? `… ${text.slice(-most).replace(/^\S*\s/, "")}` : text;
    const line = made("p", end);
    line.dataset.who = who;
    this.captions.replaceChildren(line);
    clearTimeout(this.fading);
    this.fading = setTimeout(() => this.captions.replaceChildren(), CAPTION_MS);
  }
}

function made(kind, text) {
  const element = document.createElement(kind);
  element.textContent = text;
  return element;
}
