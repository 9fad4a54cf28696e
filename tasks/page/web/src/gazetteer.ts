/** The region's places on the page: names on the map, the list under the search, and what the search finds. */

import { byId, make } from "./dom";
import type { Language } from "./i18n";
import { NOTHING } from "./lines";
import type { MapView } from "./map";
import { at, bothNames, find, type KnownPlace, labelled, nameOf, type Places } from "./places";
import type { Place } from "./state";

export class Gazetteer {
  #places: Places | null = null;

  /** Take those of another region; null: it names none. */
  open(places: Places | null, view: MapView | null, language: Language): void {
    this.#places = places;
    byId("search").hidden = !places?.features.length;
    this.draw(view, language);
  }

  draw(view: MapView | null, language: Language): void {
    const places = this.#places;
    view?.set("places", places ? labelled(places, language) : NOTHING);
    byId("known").replaceChildren(...(places?.features ?? []).map((p) => make("option", { value: bothNames(p, language) })));
  }

  find(text: string): Place | null {
    return placeOf(this.#places && find(this.#places, text));
  }

  /** What a place on the map is called; nothing where it is between those that have names. */
  nameOf(place: Place, language: Language): string {
    const found = this.#places && at(this.#places, place.latitude, place.longitude);
    return found ? nameOf(found, language) : "";
  }
}

function placeOf(found: KnownPlace | null): Place | null {
  const [longitude, latitude] = found?.geometry.coordinates ?? [];
  return longitude === undefined || latitude === undefined ? null : { latitude, longitude };
}
