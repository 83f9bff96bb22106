// Microphone sound to packets of 20 ms, 16-bit mono at 16 kHz.

const RATE = 16000;
const PACKET = 320;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.packet = new Int16Array(PACKET);
    this.filled = 0;
    this.at = 0;
    this.sum = 0;
    this.count = 0;
  }

  // Averaging over the samples of one output sample is filter enough for speech.
  process([[input]]) {
    if (!input) return true;
    const ratio = sampleRate / RATE;
    for (const value of input) {
      this.sum += value;
      this.count++;
      this.at += 1;
      if (this.at >= ratio) {
        this.at -= ratio;
        this.#put(this.sum / this.count);
        this.sum = this.count = 0;
      }
    }
    return true;
  }

  #put(value) {
    this.packet[this.filled++] = Math.max(-1, Math.min(1, value)) * 32767;
    if (this.filled === PACKET) {
      const packet = this.packet.slice().buffer;
      this.port.postMessage(packet, [packet]);
      this.filled = 0;
    }
  }
}

registerProcessor("flowact-microphone", Microphone);
