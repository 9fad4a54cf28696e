// @vitest-environment happy-dom
import { beforeEach, describe, expect, test } from "vitest";
import { Grid } from "../src/grid";
import type { Product } from "../src/product";
import { endsOf, quantitiesOf } from "../src/quantities";
import { parse } from "../src/state";
import { isHidden, showPage } from "./page";

import { windOf } from "../src/paint";
import { drawButtons } from "../src/buttons";

/** A product of arrays of these names: which buttons there are depends on no more. */
function product(...names: string[]): Product {
  const fields = new Map(names.map((name) => [name, {}])) as unknown as Grid["fields"];
  const fine = new Grid("/", [1, 0], [0, 1], fields);
  return {
    fine, coarse: null, calibration: null, ensemble: null, chances: [], ends: [], leads: [0], times: [new Date(0)], periods: [0],
    zone: "UTC", title: "", titleZh: "", attribution: "",
  };
}

const all = quantitiesOf(new Set(["t2m", "u10", "v10", "u100", "v100"]));
const [t2m, wind, wind100] = ["t2m", "wind", "wind100"].map((name) => all.find((q) => q.name === name)) as [(typeof all)[0], (typeof all)[0], (typeof all)[0]];

describe("the wind on the map", () => {
  test("is the one that is shown, else that at 10 m if barbs are wanted", () => {
    const of = product("t2m", "u10", "v10", "u100", "v100");
    expect([wind, wind100, t2m].map((q) => windOf(of, q, false)?.name)).toEqual(["wind", "wind100", undefined]);
    expect([wind, wind100, t2m].map((q) => windOf(of, q, true)?.name)).toEqual(["wind", "wind100", "wind"]);
  });

  test("is none where the product lacks one of its components", () => {
    expect(windOf(product("t2m", "u10"), t2m, true)).toBeNull();
  });
});

describe("buttons", () => {
  beforeEach(showPage);

  test("of barbs are there where the product has wind, pressed as the address says", () => {
    const pressed = () => document.getElementById("barbs")?.getAttribute("aria-pressed");
    const draw = (of: Product, search: string): void => drawButtons({ product: of, quantity: t2m, choices: [t2m], stations: null }, parse(search));
    draw(product("t2m", "u10", "v10"), "?barbs=1");
    expect([isHidden("barbs"), pressed()]).toEqual([false, "true"]);
    draw(product("t2m", "u10", "v10"), "");
    expect([isHidden("barbs"), pressed()]).toEqual([false, "false"]);
    draw(product("t2m"), "?barbs=1");
    expect(isHidden("barbs")).toBe(true);
  });

  test("of quantities are one group, in which the chosen one can be tabbed to", () => {
    drawButtons({ product: product("t2m", "u10", "v10"), quantity: wind, choices: [t2m, wind], stations: null }, parse("?lang=en"));
    const found = [...document.querySelectorAll("#quantities button")].map((b) => [b.textContent, b.getAttribute("aria-checked"), b.getAttribute("tabindex")]);
    expect(found).toEqual([["Temperature", "false", "-1"], ["Wind", "true", "0"]]);
    expect([isHidden("compare"), isHidden("corrections"), isHidden("stations")]).toEqual([true, true, true]);
  });

  test("a mean is called so beside the ends of its ranges", () => {
    const choices = [t2m, wind, ...endsOf("t2m_quantiles", [0.1, 0.5, 0.9])];
    const texts = (search: string) => {
      drawButtons({ product: product("t2m", "u10", "v10"), quantity: t2m, choices, stations: null }, parse(search));
      return [...document.querySelectorAll("#quantities button")].map((b) => b.textContent);
    };
    expect(texts("?lang=en")).toEqual(["Temperature, mean", "Wind", "Temperature, low", "Temperature, high"]);
    expect(texts("?lang=zh")).toEqual(["气温 集合平均", "风", "气温 10% 分位", "气温 90% 分位"]);
  });
});
