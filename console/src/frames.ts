// The pictures of a video track, each with its RTP timestamp: as they are decoded, where the browser hands them out
// (WebCodecs). Where it does not, as they are shown by an element that nobody sees: one or two refreshes of the screen
// later, and later still where the processor is short, since the whole page is put together first.

/** Gets every picture; the source can be drawn until this returns. */
export type OnFrame = (source: VideoFrame | HTMLVideoElement, rtp: number, width: number, height: number) => void;

// Not in TypeScript's library: https://w3c.github.io/mediacapture-transform/
declare class MediaStreamTrackProcessor {
  constructor(init: { track: MediaStreamTrack; maxBufferSize?: number });
  readonly readable: ReadableStream<VideoFrame>;
}
type Metadata = { metadata?(): { rtpTimestamp?: number } };

const decoded = (): boolean =>
  'MediaStreamTrackProcessor' in globalThis && 'VideoFrame' in globalThis && 'metadata' in VideoFrame.prototype;
const shown = (): boolean => 'requestVideoFrameCallback' in HTMLVideoElement.prototype;

/** Whether this browser tells which frame it shows. */
export const tellsFrames = (): boolean => decoded() || shown();

/**
 * Hand out the pictures of a track.
 * @param onFail is told when none will come
 * @returns stops it
 */
export function frames(track: MediaStreamTrack, onFrame: OnFrame, onFail: () => void): () => void {
  return decoded() ? asDecoded(track, onFrame, onFail) : asShown(track, onFrame, onFail);
}

function asDecoded(track: MediaStreamTrack, onFrame: OnFrame, onFail: () => void): () => void {
  const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable.getReader(); // newest wins
  let stopped = false;
  let stop = (): void => {
    stopped = true;
    reader.cancel().catch(() => undefined);
  };
  const read = async (): Promise<void> => {
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      if (stopped) return frame.close();
      const rtp = (frame as Metadata).metadata?.().rtpTimestamp;
      if (rtp !== undefined) onFrame(frame, rtp, frame.displayWidth, frame.displayHeight);
      frame.close();
      if (rtp === undefined && shown()) { // an older browser, which does not tell it here
        stop();
        stop = asShown(track, onFrame, onFail);
        return;
      }
    }
  };
  read().catch(onFail);
  return () => stop();
}

function asShown(track: MediaStreamTrack, onFrame: OnFrame, onFail: () => void): () => void {
  const element = document.createElement('video');
  element.muted = true;
  element.playsInline = true;
  element.srcObject = new MediaStream([track]);
  element.className = 'source'; // not seen, it is not put together with the page: only its frames are drawn
  document.body.append(element);
  let stopped = false;
  const next = (_now: number, { rtpTimestamp, width, height }: VideoFrameCallbackMetadata): void => {
    if (stopped) return;
    element.requestVideoFrameCallback(next);
    if (rtpTimestamp !== undefined) onFrame(element, rtpTimestamp, width, height);
  };
  element.requestVideoFrameCallback(next);
  element.play().catch(onFail);
  return () => {
    stopped = true;
    element.remove();
  };
}
