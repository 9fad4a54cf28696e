import { expect, test } from "vitest";
import { reason } from "../src/reasons";

test.each([
  ["no observations yet", "尚无观测"],
  ["too few stations: 3 stations within 100 m of the terrain's height, 5 are needed", "站点过少：3 个，需要 5 个"],
  ["so far 2 stations, 5 are needed", "目前有 2 个站点，需要 5 个"],
  ["sp: reading error 1.40588, limit 0.25", "sp：reading error 1.40588，限值 0.25"],
  ["input: t2m at 3 h is unlike 0 h", "输入：t2m at 3 h is unlike 0 h"],
  ["something new", "something new"],
])("%s", (text, zh) => {
  expect(reason(text, "en")).toBe(text);
  expect(reason(text, "zh")).toBe(zh);
});
