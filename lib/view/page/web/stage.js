// The canvas and what is done on it: turning, moving, zooming by mouse, touch and keys; pointing at points; measuring.

let renderer = null, scenePoints = null, overlay = null;
let restless = false, resting = 0, asked = false, slow = 0, lastFrame = 0;

function buildStage() {
  const canvas = el("canvas", {id: "scene", tabindex: "0", "aria-label": "the scan; arrow keys turn it"});
  overlay = el("canvas", {id: "overlay"});
  const hover = el("div", {id: "hover", hidden: true});
  const stage = el("section", {id: "stage"}, canvas, overlay, el("div", {class: "tabs", id: "tabs-0"}),
    el("div", {class: "tabs", id: "tabs-1"}), el("div", {id: "wipe", role: "slider", tabindex: "0",
      "aria-label": "where the wipe stands", "aria-valuemin": "0", "aria-valuemax": "100"}),
    el("div", {id: "under"}, el("div", {id: "cuts"}), el("div", {id: "legend"})), el("div", {id: "card", hidden: true}), hover,
    el("div", {id: "busy", hidden: true}, "unpacking points …"));
  renderer = new Renderer(canvas);
  canvas.addEventListener("webglcontextlost", () => say("the graphics card was reset: load the page again"));
  pointerOn(canvas, hover);
  wipeOn(stage.querySelector("#wipe"), stage);
  new ResizeObserver(() => { if (view.scene >= 0) drawTabs(); redraw(); }).observe(stage);
  return stage;
}

/** Draws at the next frame; `moving`: fewer points will do until it rests. */
function redraw(moving = false) {
  if (moving) restless = true;
  if (!asked) {
    asked = true;
    requestAnimationFrame(drawFrame);
  }
}

function drawFrame(now) {
  asked = false;
  if (view.scene < 0 || !scenePoints || !view.camera) return;
  const resized = renderer.resize();
  if (resized && fitWaits) { fitWaits = false; view.camera = fitted(START); }
  const moving = restless;
  restless = false;
  if (moving && lastFrame) {
    slow = 0.5 * slow + 0.5 * Math.min(2000, now - lastFrame);  // how long frames take of late, ms
    if (slow > 45) renderer.budget = Math.max(40_000, renderer.budget * Math.max(0.4, 40 / slow));
    else if (slow < 25) renderer.budget = Math.min(5_000_000, renderer.budget * 1.1);
  }
  lastFrame = moving ? now : 0;
  renderer.draw(moving, style());
  drawOverlay();
  document.body.dataset.drawn = renderer.frames;
  clearTimeout(resting);
  if (moving) resting = setTimeout(() => redraw(), 160);
}

function fitted(angles) {
  const {box} = sceneAbout();
  const high = view.top === null ? box[1] : [box[1][0], box[1][1], Math.min(box[1][2], view.top)];
  return fitCamera([box[0], high], renderer.aspect(), angles);
}

let fitWaits = false;

function fit(angles = START) { change({camera: fitted(angles)}); }

// ---- pointing -------------------------------------------------------------------------------------------------------

function pointerOn(canvas, hover) {
  const down = new Map();  // where each finger, or the mouse, is
  let travelled = 0, several = false, hoverAt = null;
  const place = event => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", event => {
    if (!view.camera) return;  // the scan is still being unpacked
    canvas.setPointerCapture(event.pointerId);
    if (!down.size) [travelled, several] = [0, false];
    down.set(event.pointerId, place(event));
    several ||= down.size > 1;
    hover.hidden = true;
  });
  canvas.addEventListener("pointermove", event => {
    const to = place(event);
    if (!down.has(event.pointerId)) {
      if (event.pointerType === "mouse" && !hoverAt) requestAnimationFrame(() => { showHover(hover, hoverAt); hoverAt = null; });
      hoverAt = to;
      return;
    }
    const from = down.get(event.pointerId), height = canvas.clientHeight, aspect = renderer.aspect();
    down.set(event.pointerId, to);
    const dx = to[0] - from[0], dy = to[1] - from[1];
    travelled += Math.hypot(dx, dy);
    if (down.size === 2) {
      const [, other] = [...down].find(([id]) => id !== event.pointerId);
      const middle = middleOf((to[0] + other[0]) / 2), away = at => [at[0] - middle, at[1] - height / 2];
      move(pinched(view.camera, [from, other].map(away), [to, other].map(away), height, aspect));
    } else if (down.size === 1 && travelled > 3) {
      const pan = event.buttons & 6 || event.shiftKey || event.ctrlKey;
      move(pan ? panned(view.camera, dx, dy, height, aspect) : turned(view.camera, dx, dy));
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, event => {
      if (!down.delete(event.pointerId)) return;
      if (name === "pointerup" && !several && travelled <= 5 && event.button === 0) {
        choose(...place(event), event.pointerType === "touch" ? 12 : 5);
      }
    });
  }
  canvas.addEventListener("pointerleave", () => { hover.hidden = true; });
  canvas.addEventListener("contextmenu", event => event.preventDefault());
  canvas.addEventListener("dblclick", event => {
    const point = view.camera ? renderer.pick(...place(event), 8) : -1;
    if (point >= 0) move({...view.camera, target: scenePoints.local(point), distance: view.camera.distance * 0.6});
  });
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    if (view.camera) move(zoomed(view.camera, Math.exp(Math.max(-60, Math.min(60, event.deltaY * (event.deltaMode ? 20 : 1))) * 0.0035)));
  }, {passive: false});
}

/** The middle, in pixels from the canvas's left edge, of the pane that x is in. */
function middleOf(x) {
  const wide = renderer.canvas.clientWidth, pane = renderer.panes().find(each => x <= each.right * wide);
  return (pane ? pane.from + pane.to : 1) / 2 * wide;
}

function move(camera) {
  view.camera = camera;
  redraw(true);
  keepInAddress();
}

function choose(x, y, around) {
  const point = renderer.pick(x, y, around);
  if (view.tool === "measure") {
    if (point < 0) return say("no point there");
    change({ends: view.ends.length === 1 ? [view.ends[0], point] : [point]});
  } else {
    change({point});
  }
}

function showHover(hover, at) {
  const point = at && renderer.whole && scenePoints ? renderer.pick(...at, 3) : -1;
  hover.hidden = point < 0;
  if (point < 0) return;
  const {has} = scenePoints.about, lines = [];
  const line = (label, k, more = "") => el("div", {}, swatch(k), el("b", {}, className(k)),
    el("span", {class: "quiet"}, ` ${label}${more}`));
  const sure = has.confidence ? `, ${percent(scenePoints.confidence[point] / 255, 0)} sure` : "";
  if (has.prediction) lines.push(line("predicted", scenePoints.classOf(scenePoints.prediction[point]), sure));
  if (has.truth) lines.push(line("in truth", scenePoints.classOf(scenePoints.truth[point])));
  const heat = scenePoints.heats[view.text];
  if (heat && view.layers.includes("text")) {
    lines.push(el("div", {}, el("span", {class: "quiet"}, `relevancy ${relevancyOf(heat[point]).toFixed(3)}`)));
  }
  if (!lines.length) { hover.hidden = true; return; }
  replaceAll(hover, lines);
  const stage = hover.parentElement;
  hover.style.left = `${Math.min(at[0] + 14, stage.clientWidth - hover.offsetWidth - 8)}px`;
  hover.style.top = `${Math.min(at[1] + 16, stage.clientHeight - hover.offsetHeight - 8)}px`;
}

function relevancyOf(byte) {
  const {low, high} = scenePoints.about.heats[view.text];
  return low + byte / 255 * (high - low);
}

// ---- keys -----------------------------------------------------------------------------------------------------------

function onKey(event) {
  if (event.target.matches("input, select, textarea") || event.altKey || event.metaKey || event.ctrlKey) return;
  if (document.querySelector("dialog[open]")) return;
  const {key, shiftKey} = event;
  if (key === "?") showHelp();
  else if (key === "d") change({theme: view.theme === "dark" ? "light" : "dark"});
  else if (key === "b") change({palette: view.palette === "safe" ? "usual" : "safe"});
  else if (key === "/") document.querySelector(view.scene < 0 ? "#find-all" : "#find").focus();
  else if (view.scene < 0 || !view.camera) return;
  else if (key.startsWith("Arrow")) {
    if (event.target.id === "wipe") return;
    const x = {ArrowLeft: -1, ArrowRight: 1}[key] || 0, y = {ArrowUp: -1, ArrowDown: 1}[key] || 0;
    move(shiftKey ? panned(view.camera, -40 * x, -40 * y, renderer.canvas.clientHeight, renderer.aspect())
      : turned(view.camera, -20 * x, -20 * y));
  } else if (key === "+" || key === "=") move(zoomed(view.camera, 0.85));
  else if (key === "-") move(zoomed(view.camera, 1 / 0.85));
  else if (/^[1-6]$/.test(key)) {
    const layer = LAYERS[key - 1];
    if (layersOf(sceneAbout()).includes(layer)) change({layers: [layer.key, view.layers[1]]});
  } else if (key === "f") fit();
  else if (key === "t") fit({azimuth: -90, elevation: 90});
  else if (key === "v") change({mode: MODES[(MODES.indexOf(view.mode) + 1) % 3]});
  else if (key === "o") change({names: !view.names});
  else if (key === "m") change({tool: view.tool === "measure" ? "look" : "measure", ends: []});
  else if (key === "c") toggleClasses();
  else if (key === "s") savePicture();
  else if (key === "l") copyLink();
  else if (key === "n" || key === "p") stepScene(key === "n" ? 1 : -1);
  else if (key === "[" || key === "]") changeTop(key === "[" ? -0.1 : 0.1);
  else if (key === "Escape") change({only: -1, pair: null, hidden: new Set(), point: -1, ends: [], tool: "look"});
  else return;
  event.preventDefault();
}

function changeTop(by) {
  const {floor, tall} = sceneAbout(), top = (view.top ?? floor + tall) + by;
  change({top: top >= floor + tall ? null : Math.max(floor + 0.1, top)});
}

// ---- the wipe -------------------------------------------------------------------------------------------------------

function wipeOn(handle, stage) {
  const to = share => change({wipe: Math.min(0.98, Math.max(0.02, share))});
  handle.addEventListener("pointerdown", event => handle.setPointerCapture(event.pointerId));
  handle.addEventListener("pointermove", event => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = stage.getBoundingClientRect();
    to((event.clientX - box.left) / box.width);
  });
  handle.addEventListener("keydown", event => {
    const by = {ArrowLeft: -0.02, ArrowRight: 0.02}[event.key];
    if (by) { to(view.wipe + by); event.preventDefault(); }
  });
}

// ---- marks over the picture -----------------------------------------------------------------------------------------

function drawOverlay() { drawMarks(overlay, renderer.canvas.width, renderer.canvas.height); }

/** The chosen point, and what was measured, in each pane. */
function drawMarks(canvas, wide, tall) {
  const scale = wide / Math.max(1, renderer.canvas.clientWidth);
  if (canvas.width !== wide || canvas.height !== tall) [canvas.width, canvas.height] = [wide, tall];
  const ink = canvas.getContext("2d"), {matrix} = renderer.matrix();
  ink.clearRect(0, 0, wide, tall);
  for (const pane of renderer.panes()) {
    ink.save();
    ink.beginPath();
    ink.rect(pane.left * wide, 0, (pane.right - pane.left) * wide, tall);
    ink.clip();
    const at = point => {
      const found = project(matrix, scenePoints.local(point));
      return found && [(pane.from + found[0] * (pane.to - pane.from)) * wide, found[1] * tall];
    };
    const ring = (place, radius) => {
      if (!place) return;
      for (const [color, width] of [["#000", 4.5], ["#fff", 2.2]]) {
        ink.beginPath();
        ink.arc(...place, radius * scale, 0, 7);
        ink.strokeStyle = color;
        ink.lineWidth = width * scale;
        ink.stroke();
      }
    };
    if (view.names) writeNames(ink, pane, matrix, wide, tall, scale);
    if (view.point >= 0) ring(at(view.point), 8);
    const ends = view.ends.map(at);
    for (const end of ends) ring(end, 4);
    if (ends.length === 2 && ends[0] && ends[1]) {
      for (const [color, width] of [["#000", 5], ["#ffd34d", 2.5]]) {
        ink.beginPath();
        ink.moveTo(...ends[0]);
        ink.lineTo(...ends[1]);
        ink.strokeStyle = color;
        ink.lineWidth = width * scale;
        ink.stroke();
      }
      tag(ink, metres(measured()), (ends[0][0] + ends[1][0]) / 2, (ends[0][1] + ends[1][1]) / 2, scale);
    }
    ink.restore();
  }
  if (view.mode === "two") {
    ink.fillStyle = view.theme === "dark" ? "#3a4452" : "#c9d0d9";
    ink.fillRect(Math.round(wide / 2 - scale / 2), 0, Math.max(1, Math.round(scale)), tall);
  }
}

const UNNAMED = new Set(["wall", "floor", "ceiling"]);  // said by their place

/** Names of the largest parts of the pane's layer, as many as do not cover each other. */
function writeNames(ink, pane, matrix, wide, tall, scale) {
  const parts = sceneAbout().parts[pane.layer], taken = [];
  if (!parts) return;
  const left = pane.left * wide, right = pane.right * wide, eye = eyeOf(view.camera), most = wide / scale < 600 ? 9 : 18;
  ink.font = `500 ${13.5 * scale}px system-ui, sans-serif`;
  ink.textAlign = "center";
  ink.textBaseline = "middle";
  for (const [k, ...place] of parts) {
    if (taken.length >= most) break;
    if (UNNAMED.has(className(k)) || view.pair || (view.only >= 0 ? view.only !== k : view.hidden.has(k))) continue;
    if (view.top !== null && place[2] > view.top || view.only < 0 && cutOff(k, place, eye)) continue;
    const found = project(matrix, place);
    if (!found) continue;
    const x = (pane.from + found[0] * (pane.to - pane.from)) * wide, y = found[1] * tall - 12 * scale;
    const half = ink.measureText(className(k)).width / 2 + 7 * scale, high = 11 * scale;
    const box = [x - half, y - high, x + half, y + high];
    if (box[0] < left || box[2] > right || box[1] < 56 * scale || box[3] > tall) continue;
    if (taken.some(([a, b, c, d]) => box[0] < c && a < box[2] && box[1] < d && b < box[3])) continue;
    taken.push(box);
    ink.fillStyle = view.theme === "dark" ? "rgba(23, 28, 36, 0.86)" : "rgba(255, 255, 255, 0.88)";
    ink.strokeStyle = css(classColor(k));
    ink.lineWidth = 1.6 * scale;
    ink.beginPath();
    ink.roundRect(box[0], box[1], 2 * half, 2 * high, 6 * scale);
    ink.fill();
    ink.stroke();
    ink.fillStyle = THEMES[view.theme].ink;
    ink.fillText(className(k), x, y + scale);
  }
}

/** Whether a place of class k lies in what the near walls' cut takes away, as the shader decides it. */
function cutOff(k, [x, y], eye) {
  const {cell, corner, width, height} = sceneAbout().plan;
  const cut = content.classes[k].wall ? view.near : Math.max(0, view.near - 0.4);
  if (!cut || view.camera.elevation > 80) return false;
  const way = Math.hypot(eye[0] - x, eye[1] - y) || 1, step = Math.min(cut, way) / way;
  const i = Math.floor((x + step * (eye[0] - x) - corner[0]) / cell), j = Math.floor((y + step * (eye[1] - y) - corner[1]) / cell);
  return i < 0 || j < 0 || i >= width || j >= height || !renderer.planCells[j * width + i];
}

function tag(ink, text, x, y, scale) {
  ink.font = `600 ${14 * scale}px system-ui, sans-serif`;
  const wide = ink.measureText(text).width + 14 * scale, tall = 24 * scale;
  ink.fillStyle = "rgba(15, 18, 24, 0.88)";
  ink.beginPath();
  ink.roundRect(x - wide / 2, y - tall / 2, wide, tall, 6 * scale);
  ink.fill();
  ink.fillStyle = "#fff";
  ink.textAlign = "center";
  ink.textBaseline = "middle";
  ink.fillText(text, x, y + scale);
}

function measured() {
  const [a, b] = view.ends.map(i => scenePoints.local(i));
  return Math.hypot(...a.map((value, i) => value - b[i]));
}
