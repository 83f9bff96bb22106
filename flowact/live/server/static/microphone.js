// Opens the microphone and passes its packets on.

export class Microphone {
  /** Ask for the microphone; rejects with a sentence for the visitor. */
  static async open(base, packet) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("This browser gives the microphone only to pages on https or localhost.");
    }
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
    } catch {
      throw new Error("The microphone was refused or is not there.");
    }
    const context = new AudioContext();
    await context.audioWorklet.addModule(`${base}/microphone-worklet.js`);
    const node = new AudioWorkletNode(context, "flowact-microphone", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => packet(data);
    context.createMediaStreamSource(stream).connect(node);
    return new Microphone(stream, context);
  }

  constructor(stream, context) {
    this.stream = stream;
    this.context = context;
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
    this.context.close();
  }
}
