// What has been answered on an undecided pair, kept in this tab so that a reload loses nothing.

export class Draft {
  constructor(participant, position) {
    this.key = `study:draft:${participant}:${position}`;
  }

  // { answers, playback }; `playback` is the player's report once both clips were watched, null before.
  read() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key));
    } catch {
      return null; // no storage in some frames and private windows
    }
  }

  write(value) {
    try {
      sessionStorage.setItem(this.key, JSON.stringify(value));
    } catch {
      // The answers stay on the page as long as it is open.
    }
  }

  drop() {
    try {
      sessionStorage.removeItem(this.key);
    } catch {
      // Nothing was kept.
    }
  }
}
