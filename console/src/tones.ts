// Alarm sounds after the conventions of IEC 60601-1-8: which pulses, when, and of what they are made.

export interface Pulse {
  at: number; // from the start of the burst [s]
  length: number; // [s]
  pitch: number; // of the fundamental [Hz]
}

export interface Burst {
  pulses: Pulse[];
  every: number; // from the start of one burst to the start of the next [s]
}

export const HARMONICS = [1, 0.7, 0.5, 0.4, 0.3]; // at least four within 15 dB of one another, 300 to 4000 Hz
export const RISE = 0.2; // share of the pulse's length: 0.1 to 0.4

const C = 523.25; // fundamentals of 150 to 1000 Hz [Hz]
const E = 659.26;

/** @param gaps silence after each pulse but the last [s] */
function pulses(length: number, gaps: number[], pitches: number[]): Pulse[] {
  let at = 0;
  return pitches.map((pitch, index) => {
    const pulse = { at, length, pitch };
    at += length + (gaps[index] ?? 0);
    return pulse;
  });
}

const HIGH = 0.15; // pulses of 75 to 200 ms
const X = 0.1; // apart 50 to 125 ms; once 2x + a pulse, and 0.35 to 1.3 s between the two halves
const HALF = [X, X, 2 * X + HIGH, X];
const SLOW = 0.2; // pulses of 125 to 250 ms, as far apart

/** By priority: 1 low, 2 medium, 3 high. */
export const BURSTS: Record<number, Burst> = {
  3: { pulses: pulses(HIGH, [...HALF, 0.6, ...HALF], Array<number>(10).fill(C)), every: 8 }, // 2.5 to 15 s between bursts
  2: { pulses: pulses(SLOW, [SLOW, SLOW], [C, C, C]), every: 12 }, // 2.5 to 30 s
  1: { pulses: pulses(SLOW, [SLOW], [E, C]), every: 25 }, // more than 15 s
};
