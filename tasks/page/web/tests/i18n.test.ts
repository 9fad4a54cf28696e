// @vitest-environment happy-dom
import { beforeEach, describe, expect, test, vi } from "vitest";
import { isKey, preferredLanguage, rememberLanguage, say } from "../src/i18n";

test("a line's {names} are filled in, and those that are not given stay", () => {
  expect(say("en", "refused", { file: "/a", status: 500 })).toBe("/a: the server answers 500.");
  expect(say("zh", "hoursOld", { n: 3 })).toBe("3 小时前");
  expect(say("en", "refused", { file: "/a" })).toContain("{status}");
});

test("names of files are no words of the page", () => {
  expect([isKey("verified"), isKey("gfs"), isKey("toString"), isKey("")]).toEqual([true, false, false, false]);
});

describe("the language", () => {
  beforeEach(() => {
    localStorage.clear();
    vi.restoreAllMocks();
  });

  test.each([["zh-CN", "zh"], ["ZH", "zh"], ["en-GB", "en"], ["de", "en"]] as const)("of a browser in %s is %s", (browser, language) => {
    vi.spyOn(navigator, "language", "get").mockReturnValue(browser);
    expect(preferredLanguage()).toBe(language);
  });

  test("that was chosen last is kept", () => {
    vi.spyOn(navigator, "language", "get").mockReturnValue("en-GB");
    rememberLanguage("zh");
    expect(preferredLanguage()).toBe("zh");
  });
});
