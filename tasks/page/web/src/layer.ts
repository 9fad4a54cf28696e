/** Fields on the map by WebGL: every value is a cell, coloured through a table; input left of a divider, product right. */

import type { CustomLayerInterface, CustomRenderMethodInput, Map as MapLibreMap } from "maplibre-gl";
import { ramp } from "./colours";
import type { Raster } from "./grid";
import type { Quantity } from "./quantities";

const VERTEX = `#version 300 es
uniform mat4 u_matrix;
in vec2 a_place;
out vec2 v_place;
void main() {
  v_place = a_place;
  gl_Position = u_matrix * vec4(a_place, 0.0, 1.0);
}`;

// the inverse of the map's Mercator projection at every pixel: a stretched picture would be off by cells in latitude
const FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2D;
uniform sampler2D u_values;
uniform sampler2D u_colours;
uniform vec2 u_first;    // longitude, latitude of the first value
uniform vec2 u_spacing;
uniform vec2 u_range;
uniform float u_visible;
in vec2 v_place;
out vec4 colour;
const float PI = 3.141592653589793;
void main() {
  float longitude = v_place.x * 360.0 - 180.0;
  float latitude = degrees(atan(sinh(PI * (1.0 - 2.0 * v_place.y))));
  ivec2 cell = ivec2(floor((vec2(longitude, latitude) - u_first) / u_spacing + 0.5));
  cell = clamp(cell, ivec2(0), textureSize(u_values, 0) - 1);
  float value = texelFetch(u_values, cell, 0).r;
  if (!(value >= u_visible)) discard;
  float share = clamp((value - u_range.x) / (u_range.y - u_range.x), 0.0, 1.0);
  colour = vec4(texture(u_colours, vec2(share * 255.0 / 256.0 + 0.5 / 256.0, 0.5)).rgb, 1.0);
}`;

export type Side = "coarse" | "fine";

interface Painted {
  readonly raster: Raster;
  readonly quantity: Quantity;
  readonly range: readonly [number, number];
  texture: WebGLTexture | null;
  colours: WebGLTexture | null;
}

const mercatorX = (longitude: number): number => (longitude + 180) / 360;

function mercatorY(latitude: number): number {
  const held = (Math.min(Math.max(latitude, -85.0511), 85.0511) * Math.PI) / 180;
  return (1 - Math.asinh(Math.tan(held)) / Math.PI) / 2;
}

export class FieldLayer implements CustomLayerInterface {
  readonly id = "field";
  readonly type = "custom";
  readonly renderingMode = "2d";
  /** Share of the width that shows the input; null: the product everywhere. */
  split: number | null = null;
  /** West, south, east, north of the product: what of the input lies around it is not shown. */
  clip: readonly [number, number, number, number] = [-540, -90, 540, 90];
  /** Longitude of the map's middle. */
  middle = 0;
  #map: MapLibreMap | null = null;
  #gl: WebGL2RenderingContext | null = null;
  #program: WebGLProgram | null = null;
  #corners: WebGLBuffer | null = null;
  readonly #painted: Record<Side, Painted | null> = { coarse: null, fine: null };

  show(side: Side, raster: Raster | null, quantity: Quantity, range: readonly [number, number]): void {
    const before = this.#painted[side];
    if (before) {
      this.#gl?.deleteTexture(before.texture);
      this.#gl?.deleteTexture(before.colours);
    }
    this.#painted[side] = raster && { raster, quantity, range, texture: null, colours: null };
    this.#map?.triggerRepaint();
  }

  repaint(): void {
    this.#map?.triggerRepaint();
  }

  onAdd(map: MapLibreMap, gl: WebGL2RenderingContext): void {
    this.#map = map;
    this.#gl = gl;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
      const shader = gl.createShader(kind);
      if (shader === null) return; // the context is lost; MapLibre adds the layer again
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.bindAttribLocation(program, 0, "a_place");
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(`field layer: ${gl.getProgramInfoLog(program) ?? "shader"}`);
    }
    this.#program = program;
    this.#corners = gl.createBuffer();
    for (const painted of Object.values(this.#painted)) if (painted) painted.texture = painted.colours = null;
  }

  render(gl: WebGLRenderingContext | WebGL2RenderingContext, input: CustomRenderMethodInput): void {
    if (!(gl instanceof WebGL2RenderingContext) || this.#program === null) return;
    const { coarse, fine } = this.#painted;
    const border = Math.round((this.split ?? 0) * gl.drawingBufferWidth);
    const parts: [Painted | null, number, number][] =
      this.split === null
        ? [[fine ?? coarse, 0, gl.drawingBufferWidth]]
        : [[coarse, 0, border], [fine ?? coarse, border, gl.drawingBufferWidth]];
    gl.useProgram(this.#program);
    gl.uniformMatrix4fv(this.#at(gl, "u_matrix"), false, input.defaultProjectionData.mainMatrix as Float32Array);
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.STENCIL_TEST);
    gl.disable(gl.BLEND);
    gl.enable(gl.SCISSOR_TEST);
    for (const [painted, from, to] of parts) {
      if (painted === null || to <= from) continue;
      gl.scissor(from, 0, to - from, gl.drawingBufferHeight);
      this.#paint(gl, painted);
    }
    gl.disable(gl.SCISSOR_TEST);
  }

  #paint(gl: WebGL2RenderingContext, painted: Painted): void {
    const { raster, range, quantity } = painted;
    painted.texture ??= this.#texture(gl, () => {
      gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.R32F, raster.width, raster.height, 0, gl.RED, gl.FLOAT, raster.data);
    }, gl.NEAREST);
    painted.colours ??= this.#texture(gl, () => {
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, ramp(quantity.colours));
    }, gl.LINEAR);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, painted.texture);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, painted.colours);
    gl.uniform1i(this.#at(gl, "u_values"), 0);
    gl.uniform1i(this.#at(gl, "u_colours"), 1);
    const first = raster.longitude - this.middle;
    gl.uniform2f(this.#at(gl, "u_first"), first, raster.latitude);
    gl.uniform2f(this.#at(gl, "u_spacing"), raster.dlon, raster.dlat);
    gl.uniform2f(this.#at(gl, "u_range"), ...range);
    gl.uniform1f(this.#at(gl, "u_visible"), Math.max(quantity.visible, -3e38));
    const [least, lowest, most, highest] = this.clip;
    const west = mercatorX(Math.max(first - raster.dlon / 2, least - this.middle));
    const east = mercatorX(Math.min(first + raster.dlon * (raster.width - 0.5), most - this.middle));
    const north = mercatorY(Math.min(raster.latitude - raster.dlat / 2, highest));
    const south = mercatorY(Math.max(raster.latitude + raster.dlat * (raster.height - 0.5), lowest));
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#corners);
    const corners = new Float32Array([west, north, east, north, west, south, east, south]);
    gl.bufferData(gl.ARRAY_BUFFER, corners, gl.STREAM_DRAW);
    gl.bindVertexArray(null);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  #texture(gl: WebGL2RenderingContext, fill: () => void, filter: number): WebGLTexture | null {
    const texture = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    fill();
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    for (const use of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, use, filter);
    return texture;
  }

  #at(gl: WebGL2RenderingContext, name: string): WebGLUniformLocation | null {
    return this.#program && gl.getUniformLocation(this.#program, name);
  }
}
