/** Fields of one latitude-longitude grid in a Zarr store: windows of them for the map, one point of them for a series. */

import * as zarr from "zarrita";
import { type Chunk, ChunkCache } from "./chunks";
import type { Store } from "./store";

export type Field = zarr.Array<zarr.DataType, Store>;

/** Decoded chunks of everything that is shown, bytes. */
const cache = new ChunkCache(256 * 2 ** 20);

/** Rows and columns from..to (to is not in it), every `stride`-th point. */
export interface Window {
  readonly rows: readonly [number, number];
  readonly cols: readonly [number, number];
  readonly stride: number;
}

export interface Raster {
  readonly data: Float32Array;
  readonly height: number;
  readonly width: number;
  /** Of the first value, degrees. */
  readonly latitude: number;
  readonly longitude: number;
  readonly dlat: number;
  readonly dlon: number;
}

/** The quantile that a field of several is read at, as its name says: t2m_quantiles@5. */
const levelOf = (name: string): number => Number(name.split("@")[1] ?? 0);
const sizeOf = (from: number, to: number, stride: number): number => Math.ceil((to - from) / stride);

export class Grid {
  readonly dlat: number;
  readonly dlon: number;

  constructor(
    readonly name: string,
    readonly latitude: ArrayLike<number>,
    readonly longitude: ArrayLike<number>,
    readonly fields: ReadonlyMap<string, Field>,
  ) {
    const spacing = (axis: ArrayLike<number>): number =>
      ((axis[axis.length - 1] ?? 0) - (axis[0] ?? 0)) / Math.max(axis.length - 1, 1);
    this.dlat = spacing(latitude); // negative: latitude falls
    this.dlon = spacing(longitude);
  }

  get rows(): number {
    return this.latitude.length;
  }

  get cols(): number {
    return this.longitude.length;
  }

  /** West, south, east, north: outer edges of the cells. */
  get box(): [number, number, number, number] {
    const half = { lat: Math.abs(this.dlat) / 2, lon: this.dlon / 2 };
    const [first, last] = [this.latitude[0] ?? 0, this.latitude[this.rows - 1] ?? 0];
    return [
      (this.longitude[0] ?? 0) - half.lon,
      Math.max(Math.min(first, last) - half.lat, -90),
      (this.longitude[this.cols - 1] ?? 0) + half.lon,
      Math.min(Math.max(first, last) + half.lat, 90),
    ];
  }

  get whole(): Window {
    return { rows: [0, this.rows], cols: [0, this.cols], stride: 1 };
  }

  /** The cell that a place lies in; null outside. */
  cellAt(latitude: number, longitude: number): [number, number] | null {
    const row = Math.round((latitude - (this.latitude[0] ?? 0)) / this.dlat) + 0; // not -0
    const [west] = this.box;
    const east = west + ((((longitude - west) % 360) + 360) % 360); // 190 is -170
    const col = Math.round((east - (this.longitude[0] ?? 0)) / this.dlon) + 0;
    return row >= 0 && row < this.rows && col >= 0 && col < this.cols ? [row, col] : null;
  }

  /** A window of a field at one lead time (or of one without lead times), as in the file. */
  async window(name: string, step: number, window: Window, signal: AbortSignal): Promise<Raster> {
    const { rows, cols, stride } = window;
    const [height, width] = [sizeOf(...rows, stride), sizeOf(...cols, stride)];
    const data = new Float32Array(height * width).fill(NaN);
    const field = this.#field(name);
    const [tall, wide] = field.chunks.slice(-2) as [number, number];
    const jobs: Promise<void>[] = [];
    for (let i = Math.floor(rows[0] / tall); i * tall < rows[1]; i++) {
      for (let j = Math.floor(cols[0] / wide); j * wide < cols[1]; j++) {
        jobs.push(
          this.#chunk(name, step, i, j, signal).then(([chunk, base]) => {
            const [down, across] = chunk.stride.slice(-2) as [number, number];
            const first = (from: number, low: number): number => low + Math.ceil(Math.max(from - low, 0) / stride) * stride;
            for (let row = first(i * tall, rows[0]); row < Math.min((i + 1) * tall, rows[1]); row += stride) {
              const to = ((row - rows[0]) / stride) * width;
              const from = base + (row - i * tall) * down - j * wide * across;
              for (let col = first(j * wide, cols[0]); col < Math.min((j + 1) * wide, cols[1]); col += stride) {
                data[to + (col - cols[0]) / stride] = chunk.data[from + col * across] ?? NaN;
              }
            }
          }),
        );
      }
    }
    await Promise.all(jobs);
    return {
      data, height, width,
      latitude: this.latitude[rows[0]] ?? 0,
      longitude: this.longitude[cols[0]] ?? 0,
      dlat: this.dlat * stride,
      dlon: this.dlon * stride,
    };
  }

  /** One point of a field at one lead time, as in the file; `level`: of a field that has several, by their index. */
  async value(name: string, step: number, row: number, col: number, signal: AbortSignal, level = levelOf(name)): Promise<number> {
    const [tall, wide] = this.#field(name).chunks.slice(-2) as [number, number];
    const [i, j] = [Math.floor(row / tall), Math.floor(col / wide)];
    const [chunk, base] = await this.#chunk(name, step, i, j, signal, level);
    const [down, across] = chunk.stride.slice(-2) as [number, number];
    return chunk.data[base + (row - i * tall) * down + (col - j * wide) * across] ?? NaN;
  }

  #field(name: string): Field {
    const field = this.fields.get(name);
    if (field === undefined) throw new Error(`${this.name} has no ${name}`);
    return field;
  }

  /** A chunk, and where the lead time begins in it. */
  async #chunk(name: string, step: number, i: number, j: number, signal: AbortSignal, level = levelOf(name)): Promise<[Chunk, number]> {
    const field = this.#field(name);
    const before = [level, step].slice(4 - field.shape.length); // of latitude and longitude
    const depths = field.chunks.slice(0, -2);
    const place = [...before.map((index, axis) => Math.floor(index / (depths[axis] ?? 1))), i, j];
    const load = async (within: AbortSignal): Promise<Chunk> => {
      const found = await field.getChunk(place, { signal: within });
      const data = found.data instanceof Float32Array ? found.data : Float32Array.from(found.data as ArrayLike<number>);
      return { data, shape: found.shape, stride: found.stride };
    };
    const chunk = await cache.get(`${this.name} ${name} ${place.join()}`, load, signal);
    return [chunk, before.reduce((at, index, axis) => at + (index % (depths[axis] ?? 1)) * (chunk.stride[axis] ?? 0), 0)];
  }
}
