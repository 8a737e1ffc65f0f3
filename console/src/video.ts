// Video over WebRTC: the relay offers, this page answers. Hands out every picture with its RTP timestamp, which is the
// capture time on the relay's clock at 90 kHz: so the page knows which frame it shows, and how old it is.

import { type OnFrame, frames, tellsFrames } from './frames.js';
import type { VideoKind, VideoMessage, VideoOffer } from './protocol.js';
import type { Voice } from './voice.js';

const STALL_MS = 1000; // without a picture for so long, single pictures are better than none
const GIVE_UP_MS = 6000; // and for so long, a new peer
const RETRY_MS = 3000;
const CHECK_MS = 250;
const GATHER_MS = 500; // local candidates; the relay finds us by our own checks if they come late
const WRAP = 2 ** 32;

/** Age of a picture [ms] on a clock that tells the relay's monotonic time [ms]. */
export function age(rtp: number, nowMs: number): number {
  const ticks = (((Math.round(nowMs * 90) - rtp) % WRAP) + WRAP) % WRAP;
  return (ticks > WRAP / 2 ? ticks - WRAP : ticks) / 90;
}

/** Whether this browser can show such video and tell which frame it shows. */
export function supported(): boolean {
  if (!('RTCPeerConnection' in globalThis)) return false;
  const { codecs } = RTCRtpReceiver.getCapabilities('video') ?? { codecs: [] };
  return codecs.some(codec => codec.mimeType === 'video/H264') && tellsFrames();
}

export type VideoState = 'off' | 'connecting' | 'playing' | 'stalled';

export class Video {
  state: VideoState = 'off';
  /** Whether frames come from the camera at all. */
  flowing = false;
  /** How the relay makes video; null where it makes none, or this browser cannot show it. */
  kind: VideoKind | null = null;
  private peer: RTCPeerConnection | null = null;
  private stopFrames = (): void => undefined;
  private started = 0;
  private seen = 0;
  private failed = -Infinity;

  /**
   * @param send says something to the relay
   * @param onFrame gets every picture
   * @param onState is told whenever the state changes
   * @param voice shares the peer
   */
  constructor(
    private readonly send: (message: { op: string } & Record<string, unknown>) => void,
    private readonly onFrame: OnFrame,
    private readonly onState: (state: VideoState) => void,
    private readonly voice: Voice,
  ) {
    setInterval(() => this.check(), CHECK_MS);
  }

  /** Take what the relay says about video when the page joins: nothing where it has none. */
  hello(video: VideoKind | null): void {
    this.stop();
    this.kind = supported() ? video : null;
    if (this.kind) this.start();
  }

  /** Take a message of the relay. */
  take(message: VideoMessage): void {
    if (message.sdp !== undefined) void this.answer({ ...message, sdp: message.sdp }).catch(() => this.fail());
    else this.fail();
  }

  private start(): void {
    this.set('connecting');
    this.started = performance.now();
    this.send({ op: 'video.start' });
  }

  /** Let go of the peer; the relay closes its side when the socket closes, or when it is asked to start anew. */
  private stop(): void {
    this.peer?.close();
    this.peer = null;
    this.voice.leave();
    this.stopFrames();
    this.stopFrames = () => undefined;
    if (this.state === 'playing') this.send({ op: 'pictures', wanted: true });
    this.set('off');
  }

  private async answer({ sdp, ice_servers: iceServers = [] }: VideoOffer): Promise<void> {
    this.peer?.close();
    const peer = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
    this.peer = peer;
    peer.ontrack = ({ track, receiver }) => {
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
      if (track.kind === 'video') this.play(track);
      else this.voice.hear(track);
    };
    peer.onconnectionstatechange = () => {
      if (peer === this.peer && peer.connectionState === 'failed') this.fail();
    };
    this.voice.leave();
    await peer.setRemoteDescription({ type: 'offer', sdp });
    this.voice.join(peer);
    await peer.setLocalDescription(await peer.createAnswer());
    await gathered(peer);
    if (peer === this.peer) this.send({ op: 'video.answer', sdp: peer.localDescription?.sdp });
    this.voice.joined();
  }

  private play(track: MediaStreamTrack): void {
    this.stopFrames();
    this.stopFrames = frames(track, (...frame) => this.shown(...frame), () => this.fail());
  }

  private shown(...frame: Parameters<OnFrame>): void {
    this.seen = performance.now();
    if (this.state !== 'playing') {
      this.set('playing');
      this.send({ op: 'pictures', wanted: false });
    }
    this.onFrame(...frame);
  }

  private check(): void {
    const now = performance.now();
    if (!this.flowing) this.seen = now; // no frame comes from the camera: no fault of the video
    if (this.state === 'playing' && now - this.seen > STALL_MS) {
      this.set('stalled');
      this.send({ op: 'pictures', wanted: true });
    }
    if (this.state === 'stalled' && now - this.seen > GIVE_UP_MS) this.fail();
    if (this.state === 'off' && this.kind && now - this.failed > RETRY_MS) this.start();
    if (this.state === 'connecting' && this.flowing && now - this.started > 2 * RETRY_MS) this.fail();
  }

  private fail(): void {
    this.failed = performance.now();
    this.stop();
  }

  private set(state: VideoState): void {
    if (state === this.state) return;
    this.state = state;
    this.onState(state);
  }
}

/** Wait until the local candidates are there, or long enough. */
function gathered(peer: RTCPeerConnection): Promise<void> {
  if (peer.iceGatheringState === 'complete') return Promise.resolve();
  return new Promise(resolve => {
    peer.addEventListener('icegatheringstatechange', () => {
      if (peer.iceGatheringState === 'complete') resolve();
    });
    setTimeout(resolve, GATHER_MS);
  });
}
