// A camera that turns around a target, in metres from the scan's lowest corner, z up. Angles in degrees: azimuth from +x
// towards +y, elevation above the floor. Matrices are column-major, as WebGL takes them.

const HALF_FIELD = Math.tan(20 * Math.PI / 180);  // half of the shorter side's field of view
const START = {azimuth: -60, elevation: 48};

function axesOf({azimuth, elevation}) {
  const a = azimuth * Math.PI / 180, e = elevation * Math.PI / 180;
  const right = [-Math.sin(a), Math.cos(a), 0];
  const forward = [-Math.cos(a) * Math.cos(e), -Math.sin(a) * Math.cos(e), -Math.sin(e)];
  return {right, up: cross(right, forward), forward};
}

const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const along = (a, b, t) => a.map((value, i) => value + t * b[i]);

function eyeOf(camera) { return along(camera.target, axesOf(camera).forward, -camera.distance); }

/** From metres to clip space for a pane of this aspect; what lies within `reach` metres of the target is in range. */
function matrixOf(camera, aspect, reach) {
  const {right, up, forward} = axesOf(camera), eye = eyeOf(camera);
  const far = camera.distance + reach, near = Math.max(camera.distance - reach, far / 2000);
  const tall = HALF_FIELD * Math.max(1, 1 / aspect), wide = tall * aspect;
  const rows = [
    [...right.map(v => v / wide), -dot(right, eye) / wide],
    [...up.map(v => v / tall), -dot(up, eye) / tall],
    [...forward.map(v => v * (far + near) / (far - near)),
      (-dot(forward, eye) * (far + near) - 2 * far * near) / (far - near)],
    [...forward, -dot(forward, eye)]];
  const matrix = new Float32Array(16);
  rows.forEach((row, i) => row.forEach((value, j) => { matrix[4 * j + i] = value; }));
  return {matrix, near, far, tall};
}

/** Place on a pane, 0..1 from its upper left corner, or null behind the camera. */
function project(matrix, [x, y, z]) {
  const row = i => matrix[i] * x + matrix[4 + i] * y + matrix[8 + i] * z + matrix[12 + i];
  const w = row(3);
  return w <= 0 ? null : [0.5 + 0.5 * row(0) / w, 0.5 - 0.5 * row(1) / w];
}

/** The camera from these angles that sees the whole box [low, high]. */
function fitCamera([low, high], aspect, angles = START) {
  const target = low.map((value, i) => (value + high[i]) / 2);
  const {right, up, forward} = axesOf(angles);
  const tall = HALF_FIELD * Math.max(1, 1 / aspect), wide = tall * aspect;
  let distance = 0.1;
  for (let corner = 0; corner < 8; corner++) {
    const away = target.map((value, i) => (corner >> i & 1 ? high[i] : low[i]) - value);
    const depth = dot(away, forward);
    distance = Math.max(distance, Math.abs(dot(away, right)) / wide - depth, Math.abs(dot(away, up)) / tall - depth);
  }
  return {...angles, target, distance: distance * 1.04};
}

/** A drag of dx, dy pixels on a pane `height` pixels tall, that moves the target with the pointer. */
function panned(camera, dx, dy, height, aspect) {
  const metres = 2 * camera.distance * HALF_FIELD * Math.max(1, 1 / aspect) / height;
  const {right, up} = axesOf(camera);
  return {...camera, target: along(along(camera.target, right, -dx * metres), up, dy * metres)};
}

function turned(camera, dx, dy) {
  return {...camera, azimuth: ((camera.azimuth - dx * 0.35 + 540) % 360) - 180,
    elevation: Math.min(90, Math.max(-30, camera.elevation + dy * 0.35))};
}

function zoomed(camera, factor) { return {...camera, distance: Math.min(1e5, Math.max(0.05, camera.distance * factor))}; }

/** Two fingers: what is under their middle, as far away as the target, stays there. before, after: pixels of both from
 * the pane's middle. */
function pinched(camera, before, after, height, aspect) {
  const middle = ([a, b]) => a.map((value, i) => (value + b[i]) / 2);
  const apart = ([a, b]) => Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1]));
  const near = panned(camera, ...middle(before).map(value => -value), height, aspect);  // to the pane's middle and back
  return panned(zoomed(near, apart(before) / apart(after)), ...middle(after), height, aspect);
}
