// What the page holds: `content`, the JSON in it, and `loadScene(i)`, a scan's points. pack.py wrote them.

const content = JSON.parse(document.getElementById("content").textContent);
const REST = 255;  // code of classes beyond those with a code of their own
const loaded = new Map();

/** A promise of scan i's points; the last few stay in memory. */
function loadScene(i) {
  if (!loaded.has(i)) {
    loaded.set(i, readPoints(content.scenes[i], document.getElementById(`points-${i}`).textContent));
    if (loaded.size > 4) loaded.delete(loaded.keys().next().value);
  }
  return loaded.get(i);
}

async function readPoints(about, text) {
  const bytes = await inflate(fromBase64(text));
  const n = about.kept;
  let at = 0;
  const column = () => bytes.subarray(at, at += n);
  const summed = values => {  // differences to values; typed arrays wrap as the differences do
    for (let i = 1; i < n; i++) values[i] += values[i - 1];
    return values;
  };
  const joined = (count, Type) => {
    const values = new Type(n);
    for (let k = 0; k < count; k++) {
      const part = column();
      for (let i = 0; i < n; i++) values[i] |= part[i] << (8 * k);
    }
    return summed(values);
  };
  const place = [0, 1, 2].map(() => joined(2, Uint16Array));
  const color = [0, 1, 2].map(() => summed(column()));
  const none = new Uint8Array(n);
  const prediction = about.has.prediction ? column() : none;
  const truth = about.has.truth ? column() : none;
  const confidence = about.has.confidence ? column() : none;
  const rows = about.has.rows ? joined(4, Int32Array) : null;
  const best = [];
  for (let k = 0; k < about.has.best; k++) best.push({codes: column()});
  for (const each of best) each.shares = column();
  const heats = about.heats.map(() => column());
  return new Points(about, {place, color, prediction, truth, confidence, rows, best, heats});
}

class Points {
  constructor(about, columns) {
    Object.assign(this, columns);
    this.about = about;
    this.count = about.kept;
    this.stride = strideOf(this.count);
  }

  /** Which point stands at a place of the vertex buffer: any first part of the buffer is spread over the whole scan. */
  at(slot) { return Number((BigInt(slot) * BigInt(this.stride)) % BigInt(this.count)); }

  /** 12 bytes a point: x, y, z uint16, red, green, blue, prediction, truth, confidence. */
  packed() {
    const n = this.count, short = new Uint16Array(6 * n), byte = new Uint8Array(short.buffer);
    const [x, y, z] = this.place, [red, green, blue] = this.color;
    for (let slot = 0, i = 0; slot < n; slot++, i = (i + this.stride) % n) {
      short[6 * slot] = x[i];
      short[6 * slot + 1] = y[i];
      short[6 * slot + 2] = z[i];
      const b = 12 * slot + 6;
      byte[b] = red[i];
      byte[b + 1] = green[i];
      byte[b + 2] = blue[i];
      byte[b + 3] = this.prediction[i];
      byte[b + 4] = this.truth[i];
      byte[b + 5] = this.confidence[i];
    }
    return byte;
  }

  /** A column of bytes in the order of the vertex buffer. */
  shuffled(column) {
    const out = new Uint8Array(this.count);
    for (let slot = 0, i = 0; slot < this.count; slot++, i = (i + this.stride) % this.count) out[slot] = column[i];
    return out;
  }

  /** Where point i lies, metres from the scan's lowest corner. */
  local(i) { return this.place.map(axis => axis[i] * this.about.step); }

  /** Coordinates of point i, metres. */
  coordinates(i) { return this.local(i).map((value, axis) => value + this.about.low[axis]); }

  /** The file's vertex, -1 for a sample of a mesh's faces. */
  row(i) { return this.rows ? this.rows[i] : i; }

  /** Point of a vertex of the file, or -1. */
  ofRow(row) { return this.rows ? this.rows.indexOf(row) : row < this.count ? row : -1; }

  /** Class index of a code, -1 for none, -2 for one without a code. */
  classOf(code) { return code === 0 ? -1 : code === REST ? -2 : this.about.codes[code - 1]; }
}

function strideOf(n) {
  const divisor = (a, b) => b ? divisor(b, a % b) : a;
  let stride = Math.max(1, Math.round(n * 0.6180339887));
  while (divisor(n, stride) !== 1) stride++;
  return stride;
}

function fromBase64(text) {
  const letters = atob(text.trim()), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

async function inflate(bytes) {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser is too old to unpack the points (it has no DecompressionStream)");
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Figures of every class from pairs [truth, prediction, points], class index or -1: class -> points, IoU, recall... */
function classFigures(pairs) {
  const figures = new Map();
  const of = k => {
    if (!figures.has(k)) figures.set(k, {k, truth: 0, predicted: 0, right: 0, scored: 0, taken: [], mistaken: []});
    return figures.get(k);
  };
  for (const [t, p, count] of pairs) {
    if (t >= 0) of(t).truth += count;
    if (p >= 0) of(p).predicted += count;
    if (t < 0) continue;
    if (p >= 0) of(p).scored += count;
    if (t === p) { of(t).right += count; continue; }
    of(t).taken.push([p, count]);
    if (p >= 0) of(p).mistaken.push([t, count]);
  }
  for (const each of figures.values()) {
    each.iou = each.right / (each.truth + each.scored - each.right);  // NaN where neither says it
    each.recall = each.right / each.truth;
    each.precision = each.right / each.scored;
    each.taken.sort((a, b) => b[1] - a[1]);
    each.mistaken.sort((a, b) => b[1] - a[1]);
  }
  return figures;
}

/** Pairs of several scans, added up. */
function addPairs(scenes) {
  const sums = new Map();
  for (const {pairs} of scenes) {
    for (const [t, p, count] of pairs) {
      const key = `${t},${p}`;
      if (sums.has(key)) sums.get(key)[2] += count; else sums.set(key, [t, p, count]);
    }
  }
  return [...sums.values()];
}
