/** Starts the page, and leads what people do to the state. */

import "./style.css";
import { App } from "./app";
import { byId } from "./dom";
import { rememberLanguage, say } from "./i18n";
import { Store } from "./state";

const store = new Store(location.search);
const app = new App(store);
store.subscribe((now, before) => app.changed(now, before));

const held = (value: number): number => Math.min(Math.max(value, 0), 1);

byId<HTMLSelectElement>("region").addEventListener("change", (event) => {
  void app.chooseRegion((event.target as HTMLSelectElement).value);
});
byId<HTMLSelectElement>("source").addEventListener("change", (event) => {
  store.set({ source: (event.target as HTMLSelectElement).value, lead: null, cycle: null });
  void app.load();
});
byId<HTMLSelectElement>("cycles").addEventListener("change", (event) => {
  void app.chooseCycle((event.target as HTMLSelectElement).value || null);
});
const search = byId<HTMLInputElement>("search");
search.addEventListener("change", () => {
  const found = search.value.trim() === "" || app.search(search.value);
  if (found) search.value = ""; // the panel says it
  search.setCustomValidity(found ? "" : say(store.now.language, "noPlace"));
  search.reportValidity();
});
search.addEventListener("input", () => search.setCustomValidity(""));
byId("language").addEventListener("click", () => {
  const language = store.now.language === "zh" ? "en" : "zh";
  rememberLanguage(language);
  store.set({ language });
});
byId("compare").addEventListener("click", () => store.set({ split: store.now.split === null ? 0.5 : null, corrections: false }));
byId("corrections").addEventListener("click", () => store.set({ corrections: !store.now.corrections, split: null }));
byId("stations").addEventListener("click", () => store.set({ stations: !store.now.stations }));
byId("barbs").addEventListener("click", () => store.set({ barbs: !store.now.barbs }));
byId("retry").addEventListener("click", () => void app.start());
byId("zoom-in").addEventListener("click", () => void app.view?.map.zoomIn());
byId("zoom-out").addEventListener("click", () => void app.view?.map.zoomOut());
byId("whole").addEventListener("click", () => {
  if (app.product) app.view?.fit(app.product.fine.box);
});

byId("quantities").addEventListener("click", (event) => {
  const name = (event.target as HTMLElement).dataset["quantity"];
  const quantity = app.quantities.find((q) => q.name === name);
  if (quantity) store.set({ quantity: quantity.name });
});

const divider = byId("divider");
divider.addEventListener("pointerdown", (event) => {
  divider.setPointerCapture(event.pointerId);
  event.preventDefault();
  divider.focus();
});
divider.addEventListener("pointermove", (event) => {
  if (!divider.hasPointerCapture(event.pointerId)) return;
  const box = byId("map").getBoundingClientRect();
  app.slide(held((event.clientX - box.left) / box.width));
});
divider.addEventListener("pointerup", (event) => {
  const box = byId("map").getBoundingClientRect();
  if (divider.hasPointerCapture(event.pointerId)) store.set({ split: held((event.clientX - box.left) / box.width) });
});

/** Arrow keys along a group of buttons of which one is chosen. */
function alongQuantities(by: number): void {
  const { choices } = app;
  const at = choices.findIndex((q) => q === app.quantity);
  const next = choices[(at + by + choices.length) % choices.length];
  if (next) store.set({ quantity: next.name });
}

const PAN = 120; // px

function onMap(key: string): void {
  const moves: Record<string, [number, number]> = { ArrowLeft: [-PAN, 0], ArrowRight: [PAN, 0], ArrowUp: [0, -PAN], ArrowDown: [0, PAN] };
  const by = moves[key];
  if (by) app.view?.map.panBy(by);
}

document.addEventListener("keydown", (event) => {
  const target = event.target as HTMLElement;
  if (event.altKey || event.ctrlKey || event.metaKey || target.matches("select, input:not(#lead)")) return;
  const back = event.key === "ArrowLeft" || event.key === "ArrowUp";
  const along = event.key.startsWith("Arrow") ? (back ? -1 : 1) : 0;
  if (event.shiftKey && along) onMap(event.key);
  else if (target === divider && along) store.set({ split: held((store.now.split ?? 0.5) + 0.02 * along) });
  else if (target.closest("#quantities") && along) alongQuantities(along);
  else if (event.key === "ArrowLeft" || event.key === "ArrowRight") app.timeline.move(along);
  else if (event.key === "Escape" && store.now.point) store.set({ point: null });
  else if (event.key === " " && !target.closest("button, a, summary")) app.timeline.toggle();
  else if (event.key === "+" || event.key === "=") app.view?.map.zoomIn();
  else if (event.key === "-") app.view?.map.zoomOut();
  else if (event.key === "Enter" && target.closest("#map") && app.view) {
    store.set({ point: app.view.centre });
  } else return;
  event.preventDefault();
});

byId<HTMLDetailsElement>("credit").open = window.matchMedia("(min-width: 720px)").matches;
app.watch();
void app.start();
