import { describe, expect, test } from "vitest";
import { at, bothNames, find, labelled, type Places, simplified } from "../src/places";

const known = ([["Hong'an", "红安", 2], ["Wuhan", "武汉", 1], ["Wufeng", "五峰", 2], ["Xi'an", "", 1]] as const);
const places: Places = {
  type: "FeatureCollection",
  features: known.map(([name, name_zh, rank], i) => ({
    type: "Feature", geometry: { type: "Point", coordinates: [114 + i, 30] }, properties: { name, name_zh, rank },
  })),
};

describe("a place is found", () => {
  test.each([
    ["Wuhan", "Wuhan"], ["wu han", "Wuhan"], ["WÜHAN", "Wuhan"], ["武汉", "Wuhan"], ["武汉市", "Wuhan"], ["武汉 Wuhan", "Wuhan"],
    ["Wuhan 武汉", "Wuhan"], ["hongan", "Hong'an"], ["红安县", "Hong'an"], ["xian", "Xi'an"],
    ["wu", "Wuhan"], // of several the best known
    ["wuf", "Wufeng"], ["五", "Wufeng"],
  ])("%s", (text, name) => {
    expect(find(places, text)?.properties.name).toBe(name);
  });

  test.each(["", " ", "Beijing", "!", "汉"])("but not %j", (text) => {
    expect(find(places, text)).toBeNull();
  });
});

test("names of two characters keep what looks like a kind", () => {
  expect(simplified("城市")).toBe("城市");
  expect(simplified("沙市区")).toBe("沙市");
});

test("labels are in the reader's language, where a place has a name in it", () => {
  const labels = (language: "en" | "zh") => labelled(places, language).features.map((f) => f.properties?.["label"]);
  expect(labels("en")).toEqual(["Hong'an", "Wuhan", "Wufeng", "Xi'an"]);
  expect(labels("zh")).toEqual(["红安", "武汉", "五峰", "Xi'an"]);
  expect(places.features.map((p) => bothNames(p, "zh"))).toEqual(["红安 Hong'an", "武汉 Wuhan", "五峰 Wufeng", "Xi'an"]);
});

test("a place on the map has the name of what is within half a cell", () => {
  const [, wuhan] = places.features;
  expect(at(places, 30.02, 115.01)).toBe(wuhan);
  expect(at(places, 30.03, 115)).toBeNull();
  expect(at({ ...places, features: [] }, 30, 115)).toBeNull();
});
