// What is drawn over a picture, from the scene of the very same frame. Coordinates are the camera's pixels.

// Red, yellow and cyan belong to alarms. These hues stand out from tissue and from one another.
const COLOURS = {
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
const PATH = '#ffd21f'; // the advice's own: its text says "the path highlighted in yellow"
const CASING = 'rgba(4, 8, 12, 0.75)';
const KEY = new Set(['gastrointestinal_tract', 'cystic_duct', 'cystic_artery', 'blood']); // what is not to be hit

/** How much to draw, in the order that the button goes through. */
export const LEVELS = ['All', 'Key', 'None'];

export const colour = item => (item === 'path' ? PATH : COLOURS[item] ?? INSTRUMENT);

/**
 * Draw one frame's overlay.
 * @param context canvas context, cleared and filled here
 * @param header the picture's header: width, height, scene, path
 * @param options level: one of LEVELS; highlight: class to draw strongly
 * @returns classes drawn, for the legend
 */
export function draw(context, header, { level, highlight }) {
  const { canvas } = context;
  const scale = canvas.width / header.width;
  const unit = canvas.width / 960; // line widths grow with the picture
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (level === 'None' || !header.scene?.valid) return drawPath(context, header.path, scale, unit, level);
  const { structures, instruments } = header.scene;
  const drawn = new Set();
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
    if (instrument.tip) drawTip(context, instrument.tip.map(value => (value + 0.5) * scale), unit);
    drawn.add(instrument.class);
  }
  return [...drawn, ...drawPath(context, header.path, scale, unit, level)];
}

function trace(contour, scale, close = true) {
  const line = new Path2D();
  for (let i = 0; i + 1 < contour.length; i += 2) line.lineTo((contour[i] + 0.5) * scale, (contour[i + 1] + 0.5) * scale);
  if (close) line.closePath();
  return line;
}

function stroke(context, line, style, width, alpha) {
  context.globalAlpha = alpha;
  context.strokeStyle = CASING;
  context.lineWidth = width * 2.2;
  context.stroke(line);
  context.strokeStyle = style;
  context.lineWidth = width;
  context.stroke(line);
  context.globalAlpha = 1;
}

function fill(context, line, style) {
  context.globalAlpha = 0.16;
  context.fillStyle = style;
  context.fill(line);
  context.globalAlpha = 1;
}

function drawTip(context, [x, y], unit) {
  const mark = new Path2D();
  mark.arc(x, y, 7 * unit, 0, 2 * Math.PI);
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    mark.moveTo(x + 7 * dx * unit, y + 7 * dy * unit);
    mark.lineTo(x + 12 * dx * unit, y + 12 * dy * unit);
  }
  stroke(context, mark, '#ffffff', 1.5 * unit, 1);
}

function drawPath(context, path, scale, unit, level) {
  if (level === 'None' || path.length < 4) return [];
  context.lineCap = 'round';
  context.setLineDash([12 * unit, 9 * unit]);
  stroke(context, trace(path, scale, false), PATH, 3 * unit, 1);
  context.setLineDash([]);
  const [fromX, fromY, toX, toY] = path.slice(-4).map(value => (value + 0.5) * scale);
  const angle = Math.atan2(toY - fromY, toX - fromX);
  const head = new Path2D();
  for (const turn of [2.5, 0, -2.5]) {
    const reach = turn ? 15 * unit : 0;
    head.lineTo(toX + reach * Math.cos(angle + turn), toY + reach * Math.sin(angle + turn));
  }
  stroke(context, head, PATH, 3 * unit, 1);
  context.lineCap = 'butt';
  return ['path'];
}
