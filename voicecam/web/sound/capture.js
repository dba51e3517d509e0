// AudioWorklet: hands each block of the microphone's first channel to the page, in parts of some 20 ms. Changes nothing in it.
const PART = 1024; // samples

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.part = new Float32Array(PART);
    this.filled = 0;
    this.open = true;
    this.port.onmessage = () => { // the page has had enough: what is left, then the end
      this.port.postMessage(this.part.slice(0, this.filled));
      this.port.postMessage(null);
      this.open = false;
    };
  }

  process(inputs) {
    const channel = this.open ? inputs[0][0] : undefined;
    if (channel) {
      for (const sample of channel) {
        this.part[this.filled++] = sample;
        if (this.filled === PART) {
          this.port.postMessage(this.part.slice());
          this.filled = 0;
        }
      }
    }
    return this.open;
  }
}

registerProcessor("capture-take", Capture);
