// A scan's points on a canvas: `new Renderer(canvas)`, `load(points)`, `draw()`; `pick(x, y)` says which point is seen.

class Renderer {
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", {antialias: false, alpha: false});
    if (!gl) throw new Error("this browser gives no WebGL 2, which draws the points");
    this.gl = gl;
    this.canvas = canvas;
    const about = gl.getExtension("WEBGL_debug_renderer_info");
    const card = about ? gl.getParameter(about.UNMASKED_RENDERER_WEBGL) : "";
    this.software = /swiftshader|llvmpipe|software|basic render/i.test(card);
    this.fine = this.software || devicePixelRatio > 1.5 ? 1 : 2;  // samples along a pixel's side
    this.budget = this.software ? 150_000 : 2_000_000;  // points of a frame while the camera moves
    this.points = program(gl, POINT_VERTEX, POINT_FRAGMENT);
    this.light = program(gl, LIGHT_VERTEX, LIGHT_FRAGMENT);
    this.vertices = gl.createVertexArray();
    this.nothing = gl.createVertexArray();
    this.buffer = gl.createBuffer();
    this.heat = gl.createBuffer();
    this.table = texture(gl);
    this.plan = texture(gl);
    this.count = 0;
    this.frames = 0;
  }

  load(points) {
    const {gl} = this;
    this.scene = points;
    this.count = points.count;
    gl.bindVertexArray(this.vertices);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, points.packed(), gl.STATIC_DRAW);
    gl.vertexAttribPointer(0, 3, gl.UNSIGNED_SHORT, true, 12, 0);
    gl.vertexAttribPointer(1, 3, gl.UNSIGNED_BYTE, true, 12, 6);
    gl.vertexAttribIPointer(2, 3, gl.UNSIGNED_BYTE, 12, 9);
    for (const place of [0, 1, 2]) gl.enableVertexAttribArray(place);
    const {plan} = points.about;
    gl.bindTexture(gl.TEXTURE_2D, this.plan);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    const bits = fromBase64(plan.bits), cells = new Uint8Array(plan.width * plan.height);
    for (let i = 0; i < cells.length; i++) cells[i] = bits[i >> 3] >> (7 - (i & 7)) & 1 ? 255 : 0;
    this.planCells = cells;
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, plan.width, plan.height, 0, gl.RED, gl.UNSIGNED_BYTE, cells);
    this.setHeat(0);
  }

  setHeat(number) {
    const {gl} = this, column = this.scene.heats[number];
    gl.bindVertexArray(this.vertices);
    if (!column) {
      gl.disableVertexAttribArray(3);
      return;
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.heat);
    gl.bufferData(gl.ARRAY_BUFFER, this.scene.shuffled(column), gl.STATIC_DRAW);
    gl.vertexAttribPointer(3, 1, gl.UNSIGNED_BYTE, true, 1, 0);
    gl.enableVertexAttribArray(3);
  }

  /** rows: 3 x 256 RGBA bytes: class colours with flags, the ramps of confidence and relevancy. */
  setTable(rows) {
    const {gl} = this;
    gl.bindTexture(gl.TEXTURE_2D, this.table);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 256, 3, 0, gl.RGBA, gl.UNSIGNED_BYTE, rows);
  }

  /** Fits the buffers to the canvas; whether its size changed. */
  resize() {
    const {gl, canvas, fine} = this;
    const scale = Math.min(devicePixelRatio, 2);
    const wide = Math.max(1, Math.round(canvas.clientWidth * scale));
    const tall = Math.max(1, Math.round(canvas.clientHeight * scale));
    if (canvas.width === wide && canvas.height === tall && this.target && this.target.fine === fine) return false;
    canvas.width = wide;
    canvas.height = tall;
    if (this.target) {
      gl.deleteFramebuffer(this.target.buffer);
      for (const each of this.target.textures) gl.deleteTexture(each);
    }
    const textures = [gl.RGBA8, gl.R32UI, gl.DEPTH_COMPONENT24].map(format => {
      const each = texture(gl);
      gl.texStorage2D(gl.TEXTURE_2D, 1, format, wide * fine, tall * fine);
      return each;
    });
    const buffer = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, buffer);
    [gl.COLOR_ATTACHMENT0, gl.COLOR_ATTACHMENT1, gl.DEPTH_ATTACHMENT].forEach((place, i) =>
      gl.framebufferTexture2D(gl.FRAMEBUFFER, place, gl.TEXTURE_2D, textures[i], 0));
    this.target = {buffer, textures, fine};
    return true;
  }

  /** Panes with their layer: where each is drawn, and the part of it that is seen, in 0..1 of the canvas's width. */
  panes() {
    if (view.mode === "one") return [{layer: view.layers[0], from: 0, to: 1, left: 0, right: 1}];
    const cut = view.mode === "two" ? 0.5 : view.wipe, apart = view.mode === "two";
    return [{layer: view.layers[0], from: 0, to: apart ? 0.5 : 1, left: 0, right: cut},
      {layer: view.layers[1], from: apart ? 0.5 : 0, to: 1, left: cut, right: 1}];
  }

  aspect() {
    const whole = this.canvas.clientWidth / Math.max(1, this.canvas.clientHeight);
    return view.mode === "two" ? whole / 2 : whole;
  }

  matrix() { return matrixOf(view.camera, this.aspect(), this.scene.about.reach); }

  draw(moving, style) {
    const {gl, canvas, target} = this;
    const panes = this.panes();
    const coarse = moving && (this.software || this.budget < 100_000) ? 2 : 1;  // pixels along a sample's side
    const fine = this.fine / coarse;  // samples along a pixel's side
    const part = moving ? Math.min(this.count, Math.round(this.budget / panes.length)) : this.count;
    const tall = Math.floor(canvas.height * fine);
    const {matrix, near, far, tall: field} = this.matrix();
    const edges = panes.map(pane => {
      const left = Math.round(pane.left * canvas.width), right = Math.round(pane.right * canvas.width);
      return {left, right, from: Math.round(pane.from * canvas.width), to: Math.round(pane.to * canvas.width)};
    });

    gl.bindFramebuffer(gl.FRAMEBUFFER, target.buffer);
    gl.drawBuffers([gl.COLOR_ATTACHMENT0, gl.COLOR_ATTACHMENT1]);
    gl.disable(gl.SCISSOR_TEST);
    gl.clearBufferfv(gl.COLOR, 0, [0, 0, 0, 0]);
    gl.clearBufferuiv(gl.COLOR, 1, [0, 0, 0, 0]);
    gl.clearBufferfv(gl.DEPTH, 0, [1]);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.SCISSOR_TEST);
    gl.useProgram(this.points.id);
    gl.bindVertexArray(this.vertices);
    const dot = this.scene.about.spacing * 1.8 * view.size * Math.min(3, Math.sqrt(this.count / Math.max(1, part)));
    const pixels = tall / (2 * field), u = this.points;
    bind(gl, 0, this.table);
    bind(gl, 1, this.plan);
    u.set("matrix", matrix).set("eye", eyeOf(view.camera)).set("side", this.scene.about.step * 65535);
    u.set("pixels", pixels).set("dotSize", dot).set("top", view.top === null ? 1e9 : view.top);
    u.set("ground", this.scene.about.floor).set("nearCut", view.camera.elevation > 80 ? 0 : view.near);
    u.set("planCell", this.scene.about.plan.cell).set("planCorner", this.scene.about.plan.corner);
    u.set("table", 0).set("plan", 1).set("known", this.scene.about.has.truth).set("only", view.only >= 0);
    u.set("scored", this.scene.about.has.prediction);
    u.set("faintOthers", view.faint).set("disc", !(moving && this.software) && dot * pixels / view.camera.distance > 3);
    u.set("pair", view.pair ? view.pair.map(k => codeOf(this.scene.about, k)) : [-1, -1]);
    for (const [name, color] of Object.entries(style.colors)) u.set(name, color.map(part => part / 255));
    panes.forEach((pane, i) => {
      const {left, right, from, to} = edges[i];
      if (right <= left) return;
      gl.viewport(...[from * fine, 0, (to - from) * fine, tall].map(Math.floor));
      gl.scissor(...[left * fine, 0, (right - left) * fine, tall].map(Math.floor));
      u.set("layer", LAYER[pane.layer]);
      gl.drawArrays(gl.POINTS, 0, part);
    });

    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.disable(gl.DEPTH_TEST);
    gl.useProgram(this.light.id);
    gl.bindVertexArray(this.nothing);
    bind(gl, 0, target.textures[0]);
    bind(gl, 1, target.textures[2]);
    const l = this.light;
    l.set("colors", 0).set("depths", 1).set("range", [near, far]).set("fine", Math.max(1, fine)).set("coarse", Math.max(1, 1 / fine)).set("strength", style.strength);
    l.set("rings", moving && this.software ? 0 : 3).set("smallest", 0.0008 + 0.45 * dot / view.camera.distance);
    l.set("reach", Math.max(1, Math.round(fine * Math.min(devicePixelRatio, 2) * 1.2)));
    l.set("ground", style.ground.map(part => part / 255));
    gl.viewport(0, 0, canvas.width, canvas.height);
    for (const {left, right} of edges) {
      if (right <= left) continue;
      gl.scissor(left, 0, right - left, canvas.height);
      l.set("pane", [left * fine, 0, right * fine, tall].map(Math.floor));
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
    this.drawnPoints = part;
    this.drawnFine = fine;
    this.whole = part === this.count;
    this.frames++;
  }

  /** The point seen at, or next to, a place in pixels of the page from the canvas's corner; -1 for none. */
  pick(x, y, around = 4) {
    const {gl, canvas, drawnFine: fine} = this;
    if (!this.target || !this.count) return -1;
    const scale = canvas.width / canvas.clientWidth * fine, reach = Math.round(around * scale), side = 2 * reach + 1;
    const left = Math.round(x * scale) - reach, low = Math.round(canvas.height * fine - y * scale) - reach;
    const found = new Uint32Array(4 * side * side);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target.buffer);
    gl.readBuffer(gl.COLOR_ATTACHMENT1);
    gl.readPixels(left, low, side, side, gl.RGBA_INTEGER, gl.UNSIGNED_INT, found);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    let best = -1, nearest = Infinity;
    for (let i = 0; i < side * side; i++) {
      const away = (i % side - reach) ** 2 + (Math.floor(i / side) - reach) ** 2;
      if (found[4 * i] && away < nearest) [best, nearest] = [found[4 * i] - 1, away];
    }
    return best < 0 ? -1 : this.scene.at(best);
  }
}

/** The code of a class index in a scan; of none 0, of one that it does not have 256, which no point has. */
function codeOf(about, k) {
  const place = about.codes.indexOf(k);
  return k < 0 ? 0 : place < 0 ? 256 : Math.min(place + 1, REST);
}

function texture(gl) {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, gl.NEAREST);
  for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
  return made;
}

function bind(gl, unit, which) {
  gl.activeTexture(gl.TEXTURE0 + unit);
  gl.bindTexture(gl.TEXTURE_2D, which);
}

/** A linked program whose uniforms are set by name: `set("matrix", value)`. */
function program(gl, ...sources) {
  const id = gl.createProgram();
  sources.forEach((source, i) => {
    const shader = gl.createShader(i === 0 ? gl.VERTEX_SHADER : gl.FRAGMENT_SHADER);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(id, shader);
  });
  gl.linkProgram(id);
  if (!gl.getProgramParameter(id, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(id));
  const uniforms = new Map();
  for (let i = 0; i < gl.getProgramParameter(id, gl.ACTIVE_UNIFORMS); i++) {
    const {name, type} = gl.getActiveUniform(id, i);
    uniforms.set(name, {type, place: gl.getUniformLocation(id, name)});
  }
  const setters = {[gl.FLOAT]: (p, v) => gl.uniform1f(p, v), [gl.FLOAT_VEC2]: (p, v) => gl.uniform2fv(p, v),
    [gl.FLOAT_VEC3]: (p, v) => gl.uniform3fv(p, v), [gl.FLOAT_MAT4]: (p, v) => gl.uniformMatrix4fv(p, false, v),
    [gl.INT_VEC2]: (p, v) => gl.uniform2iv(p, v), [gl.INT_VEC4]: (p, v) => gl.uniform4iv(p, v)};
  const made = {id, set(name, value) {
    const uniform = uniforms.get(name);
    if (uniform) (setters[uniform.type] || ((p, v) => gl.uniform1i(p, v)))(uniform.place, value);
    return made;
  }};
  return made;
}
