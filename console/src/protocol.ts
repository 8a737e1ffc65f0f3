// What the relay and a page say to each other: docs/console.md, "The socket".

export type Language = 'zh' | 'en';
export type Both = Partial<Record<Language, string>>;

export type Link = 'connecting' | 'open' | 'lost';
export type PictureState = 'live' | 'stopped' | 'none';
export type AdviceStatus = 'valid' | 'interrupted' | 'withdrawn' | 'none' | 'unavailable';
export type Role = 'observer' | 'expert' | 'surgeon' | 'admin';

export interface Evidence {
  name: string;
  value: number | null;
  sigma: number | null;
  unit: string;
}

export interface Advice {
  status: AdviceStatus;
  why: string;
  reason?: string;
  since_ms?: number;
  sequence?: number;
  priority?: number;
  text?: Both;
  highlight?: string;
  evidence?: Evidence[];
  age_ms?: number;
  remaining_ms?: number;
}

export interface Alarm {
  id: string;
  priority: number;
  active: boolean;
  acknowledged: boolean;
  acknowledged_by?: string;
  escalated?: boolean;
  text: Both;
  detail: string;
  count: number;
}

export interface System {
  state: string;
  reasons: string[];
  frame_rate?: number | null;
  latency_p50_ms?: number | null;
  latency_p99_ms?: number | null;
  degradation_step?: number;
  audio_paused_until_ms?: number;
  audio_paused_by?: string;
}

export interface PictureFact {
  state: PictureState;
  withheld?: boolean; // pixelated: the endoscope is out of the body
  silent_ms?: number;
}

export interface State {
  stamp_ms: number;
  system: System;
  picture: PictureFact;
  advice: Advice;
  alarms: Alarm[];
  stages_ms: Record<string, number>;
}

export interface TimelineEvent {
  kind: 'advice' | 'alarm' | 'system';
  status: string;
  stamp_ms: number;
  id?: string;
  why?: string;
  text?: Both;
  priority?: number;
}

export type MarkKind = 'freehand' | 'arrow' | 'circle' | 'text' | 'pointer' | 'clear';

/** A mark as the relay tells it. `clear` takes away the mark of that id, or with an empty id all of the author's. */
export interface MarkMessage {
  author: string;
  id: string;
  kind: MarkKind;
  frame_sequence?: number;
  behind_ms?: number;
  points?: number[];
  text?: string;
  color?: string;
  remaining_ms?: number | null;
}

export interface Participant {
  id: string;
  name: string;
  role: Role;
  address?: string;
  speaking?: boolean;
  round_trip_ms?: number | null;
}

/** Somebody whose microphone is on. */
export interface Speaker {
  id: string;
  name: string;
}

/** Who the relay takes this page for. `open`: it asks nobody for a token. */
export interface Me {
  id: string;
  name: string;
  role: Role;
  may: string[];
  token_expires_in: number | null;
  open: boolean;
}

export interface Hello {
  session: string;
  timeline: TimelineEvent[];
  marks: MarkMessage[];
  you?: Me;
  video?: VideoKind | null;
}

/** How video is made; nothing where there is none. */
export interface VideoKind {
  encoder: string;
  software: boolean;
}

export interface Answered {
  what: string;
  success: boolean;
  message: string;
}

export interface Refused {
  what: string;
  reason: string;
}

export interface Pong {
  at: number;
  now_ms: number;
  dropped: number;
}

export interface SceneInstrument {
  class: string;
  tip: [number, number] | null;
  energised: number;
  contour: number[];
}

export interface Scene {
  valid: boolean;
  phase?: string;
  instruments: SceneInstrument[];
  structures: { class: string; contour: number[] }[];
}

export interface VideoMessage {
  sdp?: string;
  ice_servers?: RTCIceServer[];
}

export interface VideoOffer extends VideoMessage {
  sdp: string;
}

/** What is drawn over one frame of the video, found by its RTP timestamp. */
export interface OverlayMessage {
  rtp: number;
  sequence: number;
  width?: number;
  height?: number;
  scene?: Scene;
  path?: number[];
  arrow?: number[];
}

/** A picture's own. Without a sequence where it is video whose overlay has not come. */
export interface PictureHeader {
  sequence?: number;
  rtp?: number;
  captured_ms: number;
  width: number;
  height: number;
  scene: Scene | null;
  path: number[];
  arrow: number[];
}
