/** The map: MapLibre with nothing but our own layers. No tiles, fonts or pictures are fetched. */

import "maplibre-gl/dist/maplibre-gl.css";
import type { FeatureCollection } from "geojson";
import { type GeoJSONSource, Map as MapLibreMap, Marker, setWorkerUrl, type StyleSpecification, type SymbolLayerSpecification } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import { byId, make } from "./dom";
import { FieldLayer } from "./layer";
import { filled, graticule, graticuleStep, graticuleValues, NOTHING } from "./lines";
import { middleOf, moved, movedAround } from "./meridian";
import type { Place } from "./state";
import { picture } from "./winds";

const SOURCES = ["box", "graticule", "coast", "isolines", "boundary", "wind", "places", "stations"] as const;
/** Zoom from which places of a rank have their names on the map: a province fills a screen at 6 to 7. */
const SEEN_FROM = [5, 7.2, 8.4];
const CLOSE = 8.5; // zoom that a place which is searched for is shown at
export type SourceName = (typeof SOURCES)[number];
/** West, south, east, north; west of east, and east past 180 where it lies beyond. */
type Box = readonly [number, number, number, number];

const INK = "#16212b";
/** What lies around the product. Under its fields it is light by night, too: what is not drawn, dry, looks the same. */
const LIGHT = { ground: "#e7ebee", line: INK, opacity: 0.14 };
const DARK: typeof LIGHT = { ground: "#0f1419", line: "#93a3b0", opacity: 0.3 };
const NIGHT = window.matchMedia("(prefers-color-scheme: dark)");

function style(): StyleSpecification {
  const line = { type: "line", layout: { "line-join": "round", "line-cap": "round" } } as const;
  return {
    version: 8,
    sources: Object.fromEntries(SOURCES.map((name) => [name, { type: "geojson", data: NOTHING }])),
    layers: [
      { id: "ground", type: "background", paint: { "background-color": LIGHT.ground } },
      { id: "box", type: "fill", source: "box", paint: { "fill-color": LIGHT.ground, "fill-antialias": false } },
      { ...line, id: "graticule", source: "graticule", paint: { "line-width": 0.7 } },
      { ...line, id: "coast", source: "coast", paint: { "line-color": INK, "line-opacity": 0.5, "line-width": 0.9 } },
      { ...line, id: "isolines", source: "isolines", paint: { "line-color": "#ffffff", "line-opacity": 0.75, "line-width": 1 } },
      {
        id: "isoline-values", type: "symbol", source: "isolines",
        layout: {
          "symbol-placement": "line", "symbol-spacing": 260, "text-field": ["to-string", ["get", "value"]], "text-size": 11,
          "text-font": ["system-ui", "sans-serif"], "text-padding": 8,
        },
        paint: { "text-color": INK, "text-halo-color": "rgba(255,255,255,0.85)", "text-halo-width": 1.6 },
      },
      { ...line, id: "boundary-casing", source: "boundary", paint: { "line-color": "#ffffff", "line-opacity": 0.65, "line-width": 3.4 } },
      { ...line, id: "boundary", source: "boundary", paint: { "line-color": INK, "line-opacity": 0.9, "line-width": 1.3 } },
      {
        id: "wind", type: "symbol", source: "wind",
        layout: {
          "icon-image": ["get", "icon"], "icon-rotate": ["get", "from"], "icon-size": ["get", "size"], "icon-allow-overlap": true,
          "icon-ignore-placement": true, "icon-rotation-alignment": "map",
        },
        paint: { "icon-opacity": 0.85 },
      },
      // of two whose names meet that of the lower rank stands: what is drawn last is placed first
      ...SEEN_FROM.map((minzoom, i) => namesOf(i + 1, minzoom)).toReversed(),
      {
        id: "stations", type: "circle", source: "stations",
        paint: {
          "circle-radius": ["interpolate", ["linear"], ["zoom"], 4, 3, 6, 5.5, 9, 8], "circle-color": ["get", "colour"],
          "circle-stroke-color": INK, "circle-stroke-width": 1.2,
        },
      },
    ],
  };
}

/** Names of the places of a rank. */
function namesOf(rank: number, minzoom: number): SymbolLayerSpecification {
  return {
    id: `places-${rank}`, type: "symbol", source: "places", minzoom, filter: ["==", ["get", "rank"], rank],
    layout: { "text-field": ["get", "label"], "text-font": ["system-ui", "sans-serif"], "text-size": rank === 1 ? 13 : 11.5, "text-padding": 6 },
    paint: { "text-color": INK, "text-halo-color": "rgba(255,255,255,0.85)", "text-halo-width": 1.6 },
  };
}

/** Whether this browser can draw the map. */
export function hasWebgl(): boolean {
  try {
    return document.createElement("canvas").getContext("webgl2") !== null;
  } catch {
    return false;
  }
}

export class MapView {
  readonly field = new FieldLayer();
  readonly map: MapLibreMap;
  readonly #marker: Marker;
  readonly ready: Promise<void>;

  /** Longitude of the map's middle: its world ends at 180 degrees from there, which may lie within a product elsewhere. */
  #middle: number;

  constructor(box: Box, label: string) {
    this.#middle = middleOf(box);
    this.field.middle = this.#middle;
    setWorkerUrl(new URL(workerUrl, document.baseURI).href);
    this.map = new MapLibreMap({
      container: "map", style: style(), bounds: this.#within(box), fitBoundsOptions: { padding: padding() }, attributionControl: false,
      dragRotate: false, pitchWithRotate: false, touchPitch: false, renderWorldCopies: false, keyboard: false, maxZoom: 11,
      fadeDuration: 0,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.getCanvas().setAttribute("aria-label", label);
    this.#marker = new Marker({ element: make("div", { class: "pin", "aria-hidden": "true" }), anchor: "center" });
    this.map.setMissingStyleImageResolver((icon) => {
      const found = picture(icon);
      if (found && !this.map.hasImage(icon)) this.map.addImage(icon, found, { pixelRatio: 2 });
    });
    this.ready = new Promise((resolve) => {
      this.map.once("load", () => {
        this.map.addLayer(this.field, "graticule");
        this.#drawGraticule();
        this.set("box", filled(box));
        this.#shade();
        NIGHT.addEventListener("change", () => this.#shade());
        resolve();
      });
    });
    this.map.on("moveend", () => this.#drawGraticule());
    this.map.on("movestart", (event) => {
      this.whole &&= event.originalEvent === undefined; // none: it is moved by fit
    });
    this.map.on("move", () => this.#labelEdges());
    this.map.on("resize", () => this.#labelEdges());
  }

  set(source: SourceName, data: FeatureCollection): void {
    void this.map.getSource<GeoJSONSource>(source)?.setData(movedAround(data, this.#middle));
  }

  /** `pick`: a place that is clicked, and the station there if one is drawn. */
  onPick(pick: (place: Place, station: string | null) => void): void {
    this.map.on("click", ({ point: { x, y }, lngLat }) => {
      const [station] = this.map.queryRenderedFeatures([[x - 8, y - 8], [x + 8, y + 8]], { layers: ["stations"] });
      const id: unknown = station?.properties["station"];
      pick({ latitude: lngLat.lat, longitude: lngLat.lng + this.#middle }, typeof id === "string" ? id : null);
    });
  }

  /** Come near to a place, and bring it to the middle of what the panel does not cover. */
  approach(place: Place): void {
    this.whole = false;
    const center: [number, number] = [moved(place.longitude, this.#middle), place.latitude];
    const { top, bottom, left, right } = padding();
    // no `padding`: MapLibre keeps that for all that follows
    const offset: [number, number] = [(left - right) / 2, (top - bottom) / 2];
    this.map.easeTo({ center, offset, zoom: Math.max(this.map.getZoom(), CLOSE), duration: 600 });
  }

  /** Mark a place, or none. */
  mark(place: Place | null): void {
    if (place) this.#marker.setLngLat([moved(place.longitude, this.#middle), place.latitude]).addTo(this.map);
    else this.#marker.remove();
  }

  /** Whether nobody has moved the map since it showed the whole product. */
  whole = true;

  /** West, south, east, north of what is seen. */
  get view(): [number, number, number, number] {
    const bounds = this.map.getBounds();
    return [bounds.getWest() + this.#middle, bounds.getSouth(), bounds.getEast() + this.#middle, bounds.getNorth()];
  }

  /** Pixels of the screen that a degree takes in the middle of the map: northwards, eastwards. */
  get scale(): [number, number] {
    const [west, , east] = this.view;
    const eastwards = this.map.getCanvas().clientWidth / (east - west);
    return [eastwards / Math.cos((this.map.getCenter().lat * Math.PI) / 180), eastwards];
  }

  get centre(): Place {
    const { lat, lng } = this.map.getCenter();
    return { latitude: lat, longitude: lng + this.#middle };
  }

  /** Show a product's box; what was set before is to be set again. */
  open(box: Box): void {
    this.#middle = middleOf(box);
    this.field.middle = this.#middle;
    this.set("box", filled(box));
    this.fit(box, false);
  }

  fit(box: Box, animate = true): void {
    this.whole = true;
    this.map.fitBounds(this.#within(box), { padding: padding(), animate, duration: 400 });
  }

  #within([west, south, east, north]: Box): [number, number, number, number] {
    return [west - this.#middle, south, east - this.#middle, north];
  }

  #shade(): void {
    const { ground, line, opacity } = NIGHT.matches ? DARK : LIGHT;
    this.map.setPaintProperty("ground", "background-color", ground);
    this.map.setPaintProperty("graticule", "line-color", line);
    this.map.setPaintProperty("graticule", "line-opacity", opacity);
  }

  #drawGraticule(): void {
    const [west, south, east, north] = this.view;
    const step = graticuleStep(Math.min(east - west, 360));
    const [first, last] = [Math.max(west - 2 * step, this.#middle - 180), Math.min(east + 2 * step, this.#middle + 180)];
    const outer = [first, Math.max(south - 2 * step, -85), last, Math.min(north + 2 * step, 85)] as const;
    this.set("graticule", graticule(outer, step));
    this.#labelEdges();
  }

  /** Degrees along the edges of the map, as on paper. */
  #labelEdges(): void {
    const [west, south, east, north] = this.view;
    const step = graticuleStep(Math.min(east - west, 360));
    const text = (value: number, positive: string, negative: string): string =>
      `${Number(Math.abs(value).toFixed(2))}°${value % 180 === 0 ? "" : value > 0 ? positive : negative}`;
    const labels = [
      ...graticuleValues(west, east, step).map((x) => {
        const label = make("span", { class: "edge meridian" }, text(((((x + 180) % 360) + 360) % 360) - 180, "E", "W"));
        label.style.left = `${this.map.project([x - this.#middle, south]).x}px`;
        return label;
      }),
      ...graticuleValues(Math.max(south, -85), Math.min(north, 85), step).map((y) => {
        const label = make("span", { class: "edge parallel" }, text(y, "N", "S"));
        label.style.top = `${this.map.project([west - this.#middle, y]).y}px`;
        return label;
      }),
    ];
    byId("edges").replaceChildren(...labels);
  }
}

/** Room for what lies over the map. */
function padding(): { top: number; bottom: number; left: number; right: number } {
  const panel = byId("panel").hidden ? { offsetWidth: 0, offsetHeight: 0 } : byId("panel");
  const top = byId("tools").offsetHeight + 22;
  return window.matchMedia("(max-width: 719px)").matches
    ? { top, bottom: Math.max(panel.offsetHeight + 8, 110), left: 12, right: 12 }
    : { top, bottom: 108, left: 24, right: panel.offsetWidth + 64 };
}
