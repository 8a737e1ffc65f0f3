// Plays alarm sounds, and knows whether the browser lets it.

import { BURSTS, HARMONICS, RISE } from './tones.js';

const LOUD = 0.5;
const FADE_S = 0.02; // a burst that is cut off does not crack

export type SoundState = 'on' | 'blocked' | 'none';

export class AlarmSound {
  private context: AudioContext | null = null;
  private out: GainNode | null = null;
  private priority = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onState is told when sounds become possible or impossible */
  constructor(private readonly onState: (state: SoundState) => void) {
    if (typeof AudioContext === 'undefined') return;
    this.context = new AudioContext();
    this.context.onstatechange = () => {
      onState(this.state);
      if (this.state === 'on' && this.priority) this.repeat(); // what could not be heard so far
    };
    for (const gesture of ['pointerdown', 'keydown']) document.addEventListener(gesture, () => void this.unlock());
  }

  get state(): SoundState {
    if (!this.context) return 'none';
    return this.context.state === 'running' ? 'on' : 'blocked';
  }

  /** Turn sounds on: browsers allow it only from within what a person does. */
  async unlock(): Promise<void> {
    if (this.context && this.context.state !== 'running') await this.context.resume();
    this.onState(this.state);
  }

  /** Sound the gravest alarm that is on, again and again; 0: none, or the sounds are paused. */
  alarm(priority: number): void {
    if (priority === this.priority) return;
    const graver = priority > this.priority;
    this.priority = priority;
    if (graver || !priority) this.silence();
    if (graver) this.repeat();
  }

  /** Sound one burst, for advice that is new; an alarm that sounds goes first. */
  once(priority: number): void {
    if (!this.priority) this.play(priority);
  }

  private repeat(): void {
    clearTimeout(this.timer);
    this.play(this.priority);
    const burst = BURSTS[this.priority];
    if (burst) this.timer = setTimeout(() => this.repeat(), 1000 * burst.every);
  }

  private silence(): void {
    clearTimeout(this.timer);
    if (!this.context || !this.out) return;
    this.out.gain.setTargetAtTime(0, this.context.currentTime, FADE_S / 3);
    this.out = null;
  }

  private play(priority: number): void {
    const { context } = this;
    const burst = BURSTS[priority];
    if (!context || !burst || context.state !== 'running') return;
    const wave = context.createPeriodicWave(
      new Float32Array(HARMONICS.length + 1), new Float32Array([0, ...HARMONICS]), { disableNormalization: false });
    const out = context.createGain();
    out.connect(context.destination);
    this.out = out;
    const start = context.currentTime + 0.02;
    for (const { at, length, pitch } of burst.pulses) {
      const tone = context.createOscillator();
      const shape = context.createGain();
      tone.setPeriodicWave(wave);
      tone.frequency.value = pitch;
      shape.gain.setValueAtTime(0, start + at);
      shape.gain.linearRampToValueAtTime(LOUD, start + at + RISE * length);
      shape.gain.setValueAtTime(LOUD, start + at + (1 - RISE) * length);
      shape.gain.linearRampToValueAtTime(0, start + at + length);
      tone.connect(shape).connect(out);
      tone.start(start + at);
      tone.stop(start + at + length);
    }
  }
}
