/** Of wind as signs on the map, and of the meteogram. */

const EN = {
  barbsShort: "Barbs",
  barbs: "Wind as barbs over any field",
  barbsKey: "Barbs: short 2.5 m/s (5 kn), long 5 m/s (10 kn), pennant 25 m/s (50 kn), circle calm",
  meteogramOf: "Meteogram, {from} to {to} ({zone})",
  lowToHigh: "{name} {low} to {high} {unit}",
  upTo: "{name} up to {high} {unit}",
  inAll: "{name} {sum} {unit} in all",
  force: "Bft {n}",
  forceAbove: "Bft {n}+",
  forceHead: "Bft",
  semicolon: "; ",
};

const ZH: Record<keyof typeof EN, string> = {
  barbsShort: "风羽",
  barbs: "在任意要素上叠加风羽",
  barbsKey: "风羽：短划 2.5 米/秒（5 节），长划 5 米/秒（10 节），三角旗 25 米/秒（50 节），圆圈为静风",
  meteogramOf: "气象要素时序图，{from}至{to}（{zone}）",
  lowToHigh: "{name} {low} 至 {high} {unit}",
  upTo: "{name}最大 {high} {unit}",
  inAll: "{name}合计 {sum} {unit}",
  force: "风力 {n} 级",
  forceAbove: "风力 {n} 级以上",
  forceHead: "风力等级",
  semicolon: "；",
};

export const WIND_WORDS = { en: EN, zh: ZH };
