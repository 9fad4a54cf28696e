// @vitest-environment happy-dom
/** What the map asks of MapLibre, which is not there: nothing is drawn here. */

import { beforeEach, expect, test, vi } from "vitest";
import { MapView } from "../src/map";
import { showPage } from "./page";

const asked = vi.hoisted((): { easeTo: { center: [number, number]; offset: [number, number]; zoom: number }[] } => ({ easeTo: [] }));

vi.mock("maplibre-gl", () => ({
  Map: class {
    touchZoomRotate = { disableRotation: (): void => undefined };
    getCanvas = (): HTMLElement => document.createElement("canvas");
    getZoom = (): number => 6;
    on = (): void => undefined;
    once = (): void => undefined;
    setMissingStyleImageResolver = (): void => undefined;
    easeTo = (how: (typeof asked.easeTo)[0]): number => asked.easeTo.push(how);
  },
  Marker: class {
    remove = (): void => undefined;
  },
  setWorkerUrl: (): void => undefined,
}));
vi.mock("maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url", () => ({ default: "worker.mjs" }));

const wuhan = { latitude: 30.59, longitude: 114.31 };

/** Where a place that is searched for comes to lie, px right of and below the middle of a map of this width. */
function lies(width: number, panel: { offsetWidth: number; offsetHeight: number } | null): [number, number] | undefined {
  (window as unknown as { happyDOM: { setViewport: (size: { width: number }) => void } }).happyDOM.setViewport({ width });
  const element = document.getElementById("panel") as HTMLElement;
  element.hidden = panel === null;
  for (const [name, value] of Object.entries({ ...panel })) Object.defineProperty(element, name, { value, configurable: true });
  Object.defineProperty(document.getElementById("tools"), "offsetHeight", { value: 40, configurable: true });
  asked.easeTo = [];
  new MapView([108.3, 29, 116.2, 33.4], "map").approach(wuhan);
  return asked.easeTo[0]?.offset;
}

beforeEach(showPage);

test("a place that is searched for lies above the panel on a phone", () => {
  expect(lies(390, { offsetWidth: 390, offsetHeight: 380 })).toEqual([0, (40 + 22 - 388) / 2]);
});

test("beside the panel on a desk", () => {
  expect(lies(1280, { offsetWidth: 372, offsetHeight: 700 })).toEqual([(24 - 436) / 2, (62 - 108) / 2]);
});

test("and in the middle of what tools and legend leave where there is no panel", () => {
  expect(lies(390, null)).toEqual([0, (62 - 110) / 2]);
});

test("it is come near to, and the map no longer follows the whole region", () => {
  lies(390, null);
  expect(asked.easeTo[0]).toMatchObject({ zoom: 8.5 });
  const view = new MapView([108.3, 29, 116.2, 33.4], "map");
  view.approach(wuhan);
  expect(view.whole).toBe(false);
});
