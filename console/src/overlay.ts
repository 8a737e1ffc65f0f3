// What is drawn over a picture, from the scene of the very same frame. Coordinates are the camera's pixels.

import type { PictureHeader } from './protocol.js';

const COLOURS: Record<string, string> = {
  gastrointestinal_tract: '#ff7bf2',
  gallbladder: '#52e08a',
  cystic_duct: '#b8f04a',
  cystic_artery: '#6f9bff',
  hepatic_vein: '#6f7bff',
  liver: '#c9a07a',
  liver_ligament: '#b3a3d9',
  blood: '#ff9ec4',
  fat: '#b9b39a',
  connective_tissue: '#a9b4bf',
  abdominal_wall: '#a9b4bf',
};
const INSTRUMENT = '#c6a8ff';
const ARROW = '#ffffff'; // the same as in the operating room's overlay
const PATH = '#ffd21f'; // the advice's own: its text says "the path highlighted in yellow"
const CASING = 'rgba(4, 8, 12, 0.75)';
const KEY = new Set(['gastrointestinal_tract', 'cystic_duct', 'cystic_artery', 'blood']); // what is not to be hit

/** How much to draw, in the order that the button goes through. */
export const LEVELS = ['All', 'Key', 'None'] as const;
export type Level = (typeof LEVELS)[number];

export const colour = (item: string): string =>
  ({ path: PATH, arrow: ARROW })[item] ?? COLOURS[item] ?? INSTRUMENT;

/**
 * Draw one frame's overlay.
 * @param context canvas context, cleared and filled here
 * @param header the picture's header: width, height, scene, path, arrow
 * @param options level: one of LEVELS; highlight: class to draw strongly
 * @returns classes drawn, for the legend
 */
export function draw(
  context: CanvasRenderingContext2D, header: PictureHeader, { level, highlight }: { level: Level; highlight: string },
): string[] {
  const { canvas } = context;
  const scale = canvas.width / header.width;
  const unit = canvas.width / 960; // line widths grow with the picture
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (level === 'None') return [];
  if (!header.scene?.valid) return drawWay(context, header, scale, unit);
  const { structures, instruments } = header.scene;
  const drawn = new Set<string>();
  context.lineJoin = 'round';
  for (const structure of structures) {
    const strong = structure.class === highlight;
    if (level === 'Key' && !strong && !KEY.has(structure.class)) continue;
    const outline = trace(structure.contour, scale);
    if (strong) fill(context, outline, colour(structure.class));
    stroke(context, outline, colour(structure.class), (strong ? 3.4 : 1.5) * unit, strong ? 1 : 0.8);
    drawn.add(structure.class);
  }
  for (const instrument of instruments) { // anatomy is drawn beneath instruments
    const outline = trace(instrument.contour, scale);
    context.globalCompositeOperation = 'destination-out';
    context.fill(outline);
    context.globalCompositeOperation = 'source-over';
    stroke(context, outline, INSTRUMENT, 1.6 * unit, 0.95);
    if (instrument.tip) drawTip(context, (instrument.tip[0] + 0.5) * scale, (instrument.tip[1] + 0.5) * scale, unit);
    drawn.add(instrument.class);
  }
  return [...drawn, ...drawWay(context, header, scale, unit)];
}

function trace(contour: number[], scale: number, close = true): Path2D {
  const line = new Path2D();
  for (let i = 0; i + 1 < contour.length; i += 2) {
    line.lineTo(((contour[i] ?? 0) + 0.5) * scale, ((contour[i + 1] ?? 0) + 0.5) * scale);
  }
  if (close) line.closePath();
  return line;
}

export function stroke(context: CanvasRenderingContext2D, line: Path2D, style: string, width: number, alpha: number): void {
  context.globalAlpha = alpha;
  context.strokeStyle = CASING;
  context.lineWidth = width * 2.2;
  context.stroke(line);
  context.strokeStyle = style;
  context.lineWidth = width;
  context.stroke(line);
  context.globalAlpha = 1;
}

function fill(context: CanvasRenderingContext2D, line: Path2D, style: string): void {
  context.globalAlpha = 0.16;
  context.fillStyle = style;
  context.fill(line);
  context.globalAlpha = 1;
}

function drawTip(context: CanvasRenderingContext2D, x: number, y: number, unit: number): void {
  const mark = new Path2D();
  mark.arc(x, y, 7 * unit, 0, 2 * Math.PI);
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]] as const) {
    mark.moveTo(x + 7 * dx * unit, y + 7 * dy * unit);
    mark.lineTo(x + 12 * dx * unit, y + 12 * dy * unit);
  }
  stroke(context, mark, '#ffffff', 1.5 * unit, 1);
}

/** The way and the direction that the advice points out. */
function drawWay(
  context: CanvasRenderingContext2D, { path, arrow }: PictureHeader, scale: number, unit: number,
): string[] {
  const drawn: string[] = [];
  context.lineCap = 'round';
  if (path.length >= 4) {
    context.setLineDash([12 * unit, 9 * unit]);
    stroke(context, trace(path, scale, false), PATH, 3 * unit, 1);
    context.setLineDash([]);
    drawHead(context, path, PATH, scale, 15 * unit, unit);
    drawn.push('path');
  }
  if (arrow.length >= 4) {
    stroke(context, trace(arrow, scale, false), ARROW, 4 * unit, 1);
    drawHead(context, arrow, ARROW, scale, 20 * unit, unit);
    drawn.push('arrow');
  }
  context.lineCap = 'butt';
  return drawn;
}

/** The head at the end of a line of points. */
function drawHead(
  context: CanvasRenderingContext2D, line: number[], style: string, scale: number, size: number, unit: number,
): void {
  const [fromX = 0, fromY = 0, toX = 0, toY = 0] = line.slice(-4).map(value => (value + 0.5) * scale);
  stroke(context, headAt(fromX, fromY, toX, toY, size), style, 3 * unit, 1);
}

/** An arrow's head at (toX, toY), open towards where it comes from. All in pixels of the canvas. */
export function headAt(fromX: number, fromY: number, toX: number, toY: number, size: number): Path2D {
  const angle = Math.atan2(toY - fromY, toX - fromX);
  const head = new Path2D();
  for (const turn of [2.5, 0, -2.5]) {
    const reach = turn ? size : 0;
    head.lineTo(toX + reach * Math.cos(angle + turn), toY + reach * Math.sin(angle + turn));
  }
  return head;
}
