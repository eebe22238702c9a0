// Two short tones for a new fault. Made by the browser: there is no file to fetch.

let context: AudioContext | null = null;

export function beep(): void {
  context ??= new AudioContext();
  // Browsers keep the sound of a page that was never touched; then there is none.
  void context.resume();
  tone(context, 880, 0);
  tone(context, 660, 0.18);
}

function tone(at: AudioContext, frequency: number, delay: number): void {
  const start = at.currentTime + delay;
  const oscillator = at.createOscillator();
  const gain = at.createGain();
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(0.15, start + 0.01);
  gain.gain.exponentialRampToValueAtTime(0.001, start + 0.16);
  oscillator.connect(gain).connect(at.destination);
  oscillator.start(start);
  oscillator.stop(start + 0.17);
}
