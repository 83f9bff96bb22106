// Plays blocks of sound in order and tells where it is: the clock that pictures follow.

const START_SECONDS = 0.06; // in hand before it begins
const MORE_SECONDS = 0.1; // it waits for so much more each time that it ran dry ...
const MOST_SECONDS = 0.4;
const FORGET = 0.01; // ... and for so much less after every second of play
const SOURCE_RATE = 16000;
const REPORT_EVERY = 8; // of 128 samples each
const ENOUGH_SECONDS = 0.45; // in hand; with more it plays faster until the rest is caught up
const HURRY = 1.03;
const CHASE = 1.05; // the same for one's own voice, which should be heard soon
const SPARE_SECONDS = 0.03; // of live sound in hand when more comes; what there always is beyond it is delay for nothing
const LOOK_SECONDS = 2; // for so long the least in hand is watched
const RUSH = 4; // silence before speech that has come is played so much faster: it is made ahead, and nobody waits for it

class Speaker extends AudioWorkletProcessor {
  constructor() {
    super();
    this.blocks = [];
    this.at = 0; // fractional index into the first block
    this.flowing = false;
    this.underruns = 0;
    this.voiced = 0; // blocks of speech that wait
    this.rate = 1;
    this.patience = START_SECONDS;
    this.turn = 0;
    this.least = Infinity; // seconds in hand when live sound came, since the last look
    this.spare = 0; // seconds of delay that are to be caught up with
    this.looked = 0;
    this.port.onmessage = ({ data }) => this[data.do](data);
  }

  push({ samples, mediaMs, speaking, live }) {
    if (live) {
      this.patience = START_SECONDS; // one's own voice is wanted soon rather than smooth
      this.least = Math.min(this.least, this.seconds());
    }
    this.blocks.push({ samples, mediaMs, speaking });
    if (speaking) this.voiced++;
  }

  flush() {
    this.blocks = [];
    this.voiced = 0;
    this.at = 0;
    this.flowing = false;
    this.port.postMessage({ silent: true });
  }

  // Leave out sound until no more than so much waits: after a stall it would be late for ever.
  skip({ seconds, speech }) {
    while (this.blocks.length > 1 && (speech || !this.blocks[0].speaking) && this.seconds() > seconds) {
      const spare = (this.seconds() - seconds) * SOURCE_RATE;
      const left = this.blocks[0].samples.length - this.at;
      if (spare < left) {
        this.at += spare;
        return;
      }
      this.drop();
      this.at = 0;
    }
  }

  drop() {
    if (this.blocks.shift().speaking) this.voiced--;
  }

  seconds() {
    return this.blocks.reduce((sum, block) => sum + block.samples.length, -this.at) / SOURCE_RATE;
  }

  process(_inputs, [[output]]) {
    if (!this.flowing && this.seconds() >= this.patience) this.flowing = true;
    if (this.flowing) this.fill(output);
    if (this.turn++ % REPORT_EVERY === 0) this.report();
    return true;
  }

  fill(output) {
    this.pace();
    const step = (this.rate * SOURCE_RATE) / sampleRate;
    for (let n = 0; n < output.length; n++) {
      while (this.blocks.length && this.at >= this.blocks[0].samples.length) {
        this.at -= this.blocks[0].samples.length;
        this.drop();
      }
      if (!this.blocks.length) {
        this.at = 0;
        this.flowing = false;
        this.underruns++;
        this.least = this.spare = 0;
        this.patience = Math.min(this.patience + MORE_SECONDS, MOST_SECONDS);
        return;
      }
      output[n] = this.sample();
      this.at += step;
    }
    const passed = output.length / sampleRate;
    this.spare -= (this.rate - 1) * passed;
    this.patience = Math.max(this.patience - FORGET * passed, START_SECONDS);
  }

  /** One late chunk makes all live sound after it late: find out how much of that is needed no more. */
  look() {
    if (currentTime - this.looked < LOOK_SECONDS) return;
    this.spare = Number.isFinite(this.least) ? this.least - SPARE_SECONDS : 0;
    this.least = Infinity;
    this.looked = currentTime;
  }

  /** Choose how fast to play; the clock is told at once when that changes much. */
  pace() {
    const rushing = this.rate === RUSH;
    this.look();
    if (this.voiced && this.blocks.length && !this.blocks[0].speaking) this.rate = RUSH;
    else if (this.spare > 0) this.rate = CHASE;
    else this.rate = this.seconds() > ENOUGH_SECONDS ? HURRY : 1;
    if (rushing !== (this.rate === RUSH)) this.report();
  }

  sample() {
    const { samples } = this.blocks[0];
    const index = Math.floor(this.at);
    const next = index + 1 < samples.length ? samples[index + 1] : (this.blocks[1]?.samples[0] ?? 0);
    return samples[index] + (next - samples[index]) * (this.at - index);
  }

  report() {
    const first = this.blocks[0];
    this.port.postMessage({
      mediaMs: first ? first.mediaMs + (this.at * 1000) / SOURCE_RATE : null,
      contextTime: currentTime,
      flowing: this.flowing,
      rate: this.rate,
      buffered: this.seconds(),
      underruns: this.underruns,
    });
  }
}

registerProcessor("flowact-speaker", Speaker);
