// @vitest-environment happy-dom
import { beforeEach, describe, expect, test, vi } from "vitest";
import { format, parse, type State, Store } from "../src/state";

const everything: State = {
  region: "hubei", source: "ifs", cycle: "2026-11-22T00", quantity: "wind", lead: 12, point: { latitude: 30.6, longitude: 114.3 }, split: 0.25, stations: false, corrections: false, barbs: false, language: "zh",
};

describe("a link shows others the same", () => {
  test.each<[string, Partial<State>]>([
    ["all that can be said", {}],
    ["no wishes", { region: null, source: null, cycle: null, lead: null, point: null, split: null, stations: true }],
    ["half an hour", { lead: 0.5 }],
    ["the first lead time", { lead: 0 }],
    ["the input alone", { split: 1 }],
    ["what stations have changed", { corrections: true, split: null }],
    ["wind as barbs", { barbs: true }],
    ["the product alone, with the divider at its edge", { split: 0 }],
    ["a place beyond 180 degrees", { point: { latitude: -16.125, longitude: 183.25 } }],
    ["a place in the west", { point: { latitude: -33.9, longitude: -179.999 } }],
  ])("%s", (_, changes) => {
    const state = { ...everything, ...changes };
    expect(parse(format(state))).toEqual(state);
  });

  test("to the metre or so, no finer", () => {
    expect(format({ ...everything, point: { latitude: 30.123456, longitude: 114.987654 } })).toContain("lat=30.123&lon=114.988");
  });
});

describe("what cannot be understood is as if it was not there", () => {
  const none = parse("?lang=en");

  test.each([
    "?lang=en&region=../secret", "?lang=en&region=Hubei", "?lang=en&source=a/b", "?lang=en&cycle=../../x", "?lang=en&cycle=2026-11-22", "?lang=en&var=cape", "?lang=en&lead=soon", "?lang=en&lead=-3", "?lang=en&lead=",
    "?lang=en&lat=30", "?lang=en&lat=91&lon=0", "?lang=en&lat=&lon=", "?lang=en&lat=30&lon=NaN", "?lang=en&split=2", "?lang=en&split=Infinity", "?lang=en&nonsense",
  ])("%s", (search) => {
    expect(parse(search)).toEqual(none);
  });

  test("a divider where corrections are shown", () => {
    expect(parse("?lang=en&corrections=1&split=0.5")).toEqual({ ...none, corrections: true });
  });

  test("temperature, stations shown, the lead time that is valid next", () => {
    expect(none).toEqual({ region: null, source: null, cycle: null, quantity: "t2m", lead: null, point: null, split: null, stations: true, corrections: false, barbs: false, language: "en" });
  });
});

describe("the one state of the page", () => {
  beforeEach(() => {
    history.replaceState(null, "", "?");
  });

  test("stands in the address, and listeners are told what it was before", () => {
    const store = new Store("?lang=en&region=hubei&source=ifs");
    const listener = vi.fn<(now: State, before: State) => void>();
    store.subscribe(listener);
    const before = store.now;
    store.set({ quantity: "tp" });
    expect(location.search).toBe("?region=hubei&source=ifs&var=tp&lang=en");
    expect(listener.mock.calls).toEqual([[{ ...before, quantity: "tp" }, before]]);
  });

  test("what changes nothing is not told", () => {
    const store = new Store("?lang=en&lat=30&lon=114");
    const listener = vi.fn<(now: State, before: State) => void>();
    store.subscribe(listener);
    store.set({ point: { latitude: 30.0001, longitude: 114 } }); // the same in the address
    expect(listener).not.toHaveBeenCalled();
  });
});
