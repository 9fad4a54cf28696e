import { expect, test } from "vitest";
import { credit } from "../src/credits";

test.each([
  ["Contains ECMWF open data, (c) ECMWF, CC-BY-4.0; modified by finescale", "含 ECMWF 开放数据，© ECMWF，CC BY 4.0；经 finescale 修改"],
  [
    "Contains ECMWF data, (c) ECMWF, CC-BY-4.0, by Open-Meteo.com, CC-BY-4.0; modified by finescale. places after GeoNames, CC-BY-4.0",
    "含 ECMWF 数据，© ECMWF，CC BY 4.0，由 Open-Meteo.com 提供，CC BY 4.0；经 finescale 修改；地名据 GeoNames 整理，CC BY 4.0",
  ],
  ["Contains ECMWF open data, (c) ECMWF, CC-BY-4.0; modified by finescale. Terrain by us", "含 ECMWF 开放数据，© ECMWF，CC BY 4.0；经 finescale 修改；Terrain by us"],
  ["invented", "invented"],
  ["", ""],
])("%s", (text, zh) => {
  expect(credit(text, "en")).toBe(text);
  expect(credit(text, "zh")).toBe(zh);
});
