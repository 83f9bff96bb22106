// Tabs as the ARIA authoring practices want them: one is reached by Tab, the others by the arrow keys.

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

export class Tabs {
  constructor(root) {
    this.tabs = [...root.querySelectorAll("[data-tab]")];
    this.panels = [...root.querySelectorAll("[data-panel]")];
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.show(tab.dataset.tab));
      tab.addEventListener("keydown", (event) => this.#step(event));
    }
  }

  show(name) {
    for (const tab of this.tabs) {
      const chosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
    for (const panel of this.panels) panel.hidden = panel.dataset.panel !== name;
    this.onshow?.(name);
  }

  #step(event) {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const at = this.tabs.indexOf(event.currentTarget);
    const next = this.tabs[(at + step + this.tabs.length) % this.tabs.length];
    this.show(next.dataset.tab);
    next.focus();
  }
}
