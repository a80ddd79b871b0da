// GLSL: points into colours, ids and depth; then those into the picture, with the light that depth gives.

const POINT_VERTEX = `#version 300 es
precision highp float; precision highp int;
layout(location = 0) in vec3 position;   // 0..1 of the longest side
layout(location = 1) in vec3 color;
layout(location = 2) in uvec3 codes;     // prediction, truth, confidence 0..255
layout(location = 3) in float heat;
uniform mat4 matrix;
uniform vec3 eye;
uniform float side, pixels, dotSize, top, ground, nearCut, planCell;
uniform vec2 planCorner;
uniform sampler2D table;                 // 256 x 3: class colours with flags in alpha, ramp of confidence, of relevancy
uniform sampler2D plan;                  // which cells of the floor plan lie inside
uniform int layer, drawn;                // layer 0 input, 1 prediction, 2 truth, 3 error, 4 confidence, 5 relevancy
uniform bool known, scored, only, faintOthers;  // known: truth says what is a wall, else the prediction
uniform ivec2 pair;                      // truth, prediction; x < 0: none
uniform vec3 rightColor, wrongColor, unknownColor, faintColor;
out vec3 shown;
flat out uint id;

int flagsOf(uint code) { return int(texelFetch(table, ivec2(int(code), 0), 0).a * 255.0 + 0.5); }
bool has(int flags, int bit) { return (flags & bit) != 0; }

bool inside(vec2 place) {
  ivec2 cell = ivec2(floor((place - planCorner) / planCell));
  ivec2 size = textureSize(plan, 0);
  return cell.x >= 0 && cell.y >= 0 && cell.x < size.x && cell.y < size.y && texelFetch(plan, cell, 0).r > 0.5;
}

bool cutAway(vec3 p) {
  int flags = flagsOf(known ? codes.y : codes.x);
  if (p.z > top || (top < 1e8 && has(flags, 4))) return true;
  if (nearCut <= 0.0 || p.z < ground + 0.1) return false;
  vec2 away = eye.xy - p.xy;
  float cut = has(flags, 2) ? nearCut : max(0.375 * nearCut, nearCut - 0.4);  // furniture is spared at first
  if (!has(flags, 2) && known && codes.y != 0u) cut = max(0.0, nearCut - 0.4);
  return cut > 0.0 && !inside(p.xy + min(cut, length(away)) * normalize(away + 1e-6));
}

void main() {
  vec3 p = position * side;
  uint prediction = codes.x, truth = codes.y;
  bool asTruth = layer == 2 || (!scored && known), either = layer == 0 || layer == 3 || layer == 5;
  int mine = flagsOf(asTruth || (either && known) ? truth : prediction);
  bool others = false;
  if (pair.x >= 0) others = int(truth) != pair.x || int(prediction) != pair.y;
  else if (only) others = !(either ? has(flagsOf(truth), 8) || has(flagsOf(prediction), 8) : has(mine, 8));
  bool sought = (only || pair.x >= 0) && !others;  // is shown wherever it is
  bool gone = !sought && cutAway(p) || (!only && pair.x < 0 && has(mine, 1));
  if (others) gone = gone || !faintOthers || gl_VertexID % 5 != 0;
  if (gone) { gl_Position = vec4(0.0, 0.0, 2.0, 1.0); gl_PointSize = 1.0; return; }
  gl_Position = matrix * vec4(p, 1.0);
  gl_PointSize = clamp(dotSize * pixels / gl_Position.w, 1.0, 60.0) * (others ? 0.6 : 1.0);
  id = others ? 0u : uint(gl_VertexID) + 1u;
  if (others) shown = faintColor;
  else if (layer == 0) shown = color;
  else if (layer == 1) shown = texelFetch(table, ivec2(int(prediction), 0), 0).rgb;
  else if (layer == 2) shown = texelFetch(table, ivec2(int(truth), 0), 0).rgb;
  else if (layer == 3) shown = truth == 0u || (truth == 255u && prediction == 255u) ? unknownColor
    : truth == prediction ? rightColor : wrongColor;
  else if (layer == 4) shown = texelFetch(table, ivec2(int(codes.z), 1), 0).rgb;
  else shown = texelFetch(table, ivec2(int(heat * 255.0 + 0.5), 2), 0).rgb;
}`;

const POINT_FRAGMENT = `#version 300 es
precision highp float; precision highp int;
in vec3 shown;
flat in uint id;
uniform bool disc;
layout(location = 0) out vec4 picture;
layout(location = 1) out uint number;
void main() {
  if (disc) { vec2 off = gl_PointCoord - 0.5; if (dot(off, off) > 0.25) discard; }
  picture = vec4(shown, 1.0);
  number = id;
}`;

const LIGHT_VERTEX = `#version 300 es
void main() { gl_Position = vec4(vec2(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1), 0.0, 1.0); }`;

// Eye-dome lighting: darker where neighbours are nearer to the camera (Boucheny, 2009).
const LIGHT_FRAGMENT = `#version 300 es
precision highp float; precision highp int;
uniform sampler2D colors, depths;
uniform vec2 range;       // near, far
uniform ivec4 pane;       // of the fine buffer: left, bottom, right, top
uniform int fine, coarse, reach, rings;  // fine x fine samples a pixel, or one for coarse x coarse; reach in samples
uniform float strength, smallest;  // smallest: difference of log2 depth that counts
uniform vec3 ground;
out vec4 picture;

float depthAt(ivec2 at) {
  float d = texelFetch(depths, clamp(at, pane.xy, pane.zw - 1), 0).r;
  return d >= 1.0 ? 1e9 : log2(2.0 * range.x * range.y / (range.y + range.x - (2.0 * d - 1.0) * (range.y - range.x)));
}

void main() {
  vec3 sum = vec3(0.0);
  for (int j = 0; j < fine; j++) for (int i = 0; i < fine; i++) {
    ivec2 at = ivec2(gl_FragCoord.xy) * fine / coarse + ivec2(i, j);
    float here = depthAt(at);
    if (here == 1e9) { sum += ground; continue; }
    float dark = 0.0;
    for (int k = 0; k < 4 * rings; k++) {  // opposite neighbours, so that a slanting plane stays evenly lit
      int ring = k / 4;
      ivec2 way = reach * (ring == 0 ? 1 : 3 * ring) * ivec2(k % 4 == 0 ? 0 : 1, k % 4 == 0 ? 1 : k % 4 - 2);
      float one = depthAt(at + way), other = depthAt(at - way);
      if (one == 1e9) one = here;
      if (other == 1e9) other = here;
      float most = ring == 0 ? 0.02 : 0.04;
      dark += clamp(here - 0.5 * (one + other) - smallest, 0.0, most) / most * (ring == 0 ? 1.0 : 0.5 / float(1 + ring));
    }
    sum += texelFetch(colors, at, 0).rgb * exp(-strength * dark);
  }
  picture = vec4(sum / float(fine * fine), 1.0);
}`;
