/** Colours of the one table of units and colours: stops, evenly spaced, and what lies between them. */

import display from "./display.json";

export type ColourMapName = keyof typeof display.colours;
export type Colour = readonly [number, number, number];

/** Of product − observed: in the middle where there is no difference. */
export const ERRORS = display.errors as ColourMapName;

/** A colour of a map, 0..255 each; `at` is held to 0..1. */
export function colourAt(name: ColourMapName, at: number): Colour {
  const text = display.colours[name]; // rrggbb of each stop
  const last = text.length / 6 - 1;
  const place = Math.min(Math.max(at, 0), 1) * last;
  const low = Math.min(Math.floor(place), last - 1);
  const share = place - low;
  const channel = (stop: number, i: number): number => parseInt(text.slice(stop * 6 + 2 * i, stop * 6 + 2 * i + 2), 16);
  const mixed = (i: number): number => Math.round(channel(low, i) * (1 - share) + channel(low + 1, i) * share);
  return [mixed(0), mixed(1), mixed(2)];
}

/** As CSS. */
export function cssColour(colour: Colour): string {
  return `rgb(${colour.join(" ")})`;
}

/** RGBA bytes of a texture, or of a legend, so many pixels long. */
export function ramp(name: ColourMapName, size = 256): Uint8Array {
  const out = new Uint8Array(size * 4);
  for (let i = 0; i < size; i++) out.set([...colourAt(name, i / (size - 1)), 255], i * 4);
  return out;
}
