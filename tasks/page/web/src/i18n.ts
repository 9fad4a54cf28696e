/** Every word that people see, in English and Chinese. */

import { QUANTITY_WORDS } from "./words/quantities";
import { WIND_WORDS } from "./words/wind";

export type Language = "en" | "zh";

const EN = {
  ...QUANTITY_WORDS.en,
  ...WIND_WORDS.en,
  title: "finescale – high-resolution weather",
  region: "Region",
  source: "Source",
  language: "中文",
  languageTitle: "用中文显示",
  quantity: "Variable",
  ifs: "ECMWF IFS forecast",
  ens: "ECMWF ensemble", aifs: "ECMWF AIFS forecast",
  ifs9km: "ECMWF IFS forecast, 9 km",
  era5: "ERA5 reanalysis",
  demo: "Demonstration",
  file: "Own files",
  cycle: "Cycle",
  verified: "Verified",
  degraded: "Degraded",
  unverified: "Unverified",
  quarantined: "Refused",
  verifiedLong: "Compared with stations, and not found worse than interpolation of its input.",
  degradedLong: "Published with a warning. Read the reasons before you use it.",
  unverifiedLong: "Sound by its own checks, but not yet compared with enough observations.",
  quarantinedLong: "Refused by the checks. Do not use.",
  report: "Report",
  reportTitle: "Full verification report of this product",
  minutesOld: "{n} min old",
  hoursOld: "{n} h old",
  daysOld: "{n} days old",
  notYet: "starts in the future",
  stale: "This product is {n} days old.",
  staleOne: "This product is one day old.",
  play: "Play",
  pause: "Pause",
  earlier: "Earlier",
  later: "Later",
  leadTime: "Lead time",
  compare: "Compare with input",
  compareShort: "Compare",
  divider: "Divider between input and product",
  input: "Input",
  product: "Product",
  range: "8 times in 10",
  high: "90 %",
  low: "10 %",
  stations: "Stations",
  stationError: "Product − observation",
  corrections: "Show what calibration by stations has changed",
  correctionsShort: "Corrections",
  corrected: "Corrected by stations",
  correctedBy: "Corrected by stations, mean {n} {unit}",
  correctedBound: "Held to the corrected temperature",
  notCorrected: "Not corrected by stations",
  notCorrectedThen: "Not corrected at this lead time",
  increment: "Correction: {quantity}", chance: "Chance: {of}", mean: "{of}, mean", lowEnd: "{of}, low", highEnd: "{of}, high", lowLong: "{of}: below this 1 in 10 times", highLong: "{of}: above this 1 in 10 times",
  ensembleMean: "{of}, ensemble mean", ensembleMedian: "{of}, ensemble median",
  valuesAreMeans: "Mean of the ensemble's members", valuesWithWind: "Mean of the ensemble's members, of wind speed their median",
  incrementAt: "{n} by stations, {raw} before",
  station: "Station",
  elevation: "{n} m above sea level",
  aboveTerrain: "{n} m from the model's terrain",
  point: "Point",
  outside: "Outside of the product",
  close: "Close",
  credit: "Where the data are from",
  search: "Find a place",
  noPlace: "This region has no place of that name",
  time: "Time ({zone})",
  lead: "Lead",
  observed: "Observed",
  bias: "Bias",
  rmse: "RMSE",
  count: "Pairs",
  table: "All values",
  terrain: "Terrain {n} m",
  loading: "Loading",
  zoomIn: "Shown is the input. Zoom in to see the product at full resolution.",
  oneLead: "This product has one lead time only.",
  calm: "calm",
  zoomInButton: "Zoom in",
  zoomOutButton: "Zoom out",
  whole: "Whole region",
  map: "Weather map; arrow keys change the lead time, shift and arrow keys move the map, Enter picks its centre",
  unreachable: "{file} cannot be fetched. Is the server up, and this device online?",
  refused: "{file}: the server answers {status}.",
  broken: "{file} is damaged: it is not JSON.",
  altered: "This product is damaged: a part of it is not what was written.",
  missing: "{file} is missing. The product may just have been replaced; load the page again.",
  noLatest: "{file} is missing: nothing good has been published for {region} from {source} yet. Make a product with `finescale run {region} --source {source}`.",
  noCatalogue: "{file} is missing, so the page does not know which regions there are. Add ?region=NAME&source=NAME to the address.",
  emptyCatalogue: "The catalogue lists no region with a product yet.",
  noRange: "{server} ignores HTTP Range requests, without which only whole files could be read. Serve the store with `finescale serve`, nginx or S3.",
  noWebgl: "This browser does not offer WebGL 2, which the map needs. Switch on hardware acceleration or use another browser. Values of a point can be read below.",
  nothing: "This product holds none of the variables that this page can show.",
  units: "The product's times are in a unit that this page does not know: {units}.",
  unknown: "Something went wrong: {what}",
  retry: "Try again",
};

export type MessageKey = keyof typeof EN;

const ZH: Record<MessageKey, string> = {
  ...QUANTITY_WORDS.zh,
  ...WIND_WORDS.zh,
  title: "finescale – 高分辨率天气",
  region: "区域",
  source: "数据来源",
  language: "English",
  languageTitle: "Show in English",
  quantity: "要素",
  ifs: "ECMWF IFS 预报",
  ens: "ECMWF 集合预报", aifs: "ECMWF AIFS 人工智能预报",
  ifs9km: "ECMWF IFS 9 公里预报",
  era5: "ERA5 再分析",
  demo: "演示数据",
  file: "自备文件",
  cycle: "起报",
  verified: "已检验",
  degraded: "降级",
  unverified: "未检验",
  quarantined: "已拒绝",
  verifiedLong: "已与站点观测对比，不劣于输入场插值。",
  degradedLong: "带警告发布，使用前请阅读原因。",
  unverifiedLong: "已通过自身检查，但尚未与足够的观测对比。",
  quarantinedLong: "未通过检查，请勿使用。",
  report: "检验报告",
  reportTitle: "本产品的完整检验报告",
  minutesOld: "{n} 分钟前",
  hoursOld: "{n} 小时前",
  daysOld: "{n} 天前",
  notYet: "起报时间在未来",
  stale: "本产品已是 {n} 天前的。",
  staleOne: "本产品已是 1 天前的。",
  play: "播放",
  pause: "暂停",
  earlier: "前一时次",
  later: "后一时次",
  leadTime: "预报时效",
  compare: "与输入场对比",
  compareShort: "对比",
  divider: "输入场与产品的分界线",
  input: "输入场",
  product: "产品",
  range: "80% 概率区间",
  high: "90 %",
  low: "10 %",
  stations: "站点",
  stationError: "产品 − 观测",
  corrections: "显示站点订正改变了什么",
  correctionsShort: "订正量",
  corrected: "已按站点订正",
  correctedBy: "已按站点订正，平均 {n} {unit}",
  correctedBound: "仅限制为不高于订正后的气温",
  notCorrected: "未按站点订正",
  notCorrectedThen: "此时效未订正",
  increment: "订正量：{quantity}", chance: "概率：{of}", mean: "{of} 集合平均", lowEnd: "{of} 10% 分位", highEnd: "{of} 90% 分位", lowLong: "{of}：有 10% 的可能低于此值", highLong: "{of}：有 10% 的可能高于此值",
  ensembleMean: "{of}（集合平均）", ensembleMedian: "{of}（集合中位数）",
  valuesAreMeans: "以下为集合平均", valuesWithWind: "以下为集合平均，风速为集合中位数",
  incrementAt: "站点订正 {n}，订正前 {raw}",
  station: "站点",
  elevation: "海拔 {n} 米",
  aboveTerrain: "与模式地形相差 {n} 米",
  point: "位置",
  outside: "在产品范围之外",
  close: "关闭",
  credit: "数据出处",
  search: "查找地点",
  noPlace: "本区域没有这个地点",
  time: "时间（{zone}）",
  lead: "时效",
  observed: "观测",
  bias: "偏差",
  rmse: "均方根误差",
  count: "样本数",
  table: "全部数值",
  terrain: "地形高度 {n} 米",
  loading: "正在加载",
  zoomIn: "当前显示输入场；放大后可见全分辨率产品。",
  oneLead: "本产品只有一个时次。",
  calm: "静风",
  zoomInButton: "放大",
  zoomOutButton: "缩小",
  whole: "整个区域",
  map: "天气图；方向键切换时次，Shift 加方向键移动地图，回车选取中心点",
  unreachable: "无法获取 {file}。服务器是否在运行？本机是否联网？",
  refused: "{file}：服务器返回 {status}。",
  broken: "{file} 已损坏：不是 JSON。",
  altered: "该产品已损坏：其中一部分与写入时不同。",
  missing: "缺少 {file}。产品可能刚被替换，请重新加载页面。",
  noLatest: "缺少 {file}：尚未发布 {region} 的可用 {source} 产品。请用 `finescale run {region} --source {source}` 制作。",
  noCatalogue: "缺少 {file}，因此不知道有哪些区域。请在网址后加上 ?region=名称&source=名称。",
  emptyCatalogue: "目录中还没有任何区域的产品。",
  noRange: "{server} 不支持 HTTP Range 请求，无法只读取文件的一部分。请用 `finescale serve`、nginx 或 S3 提供数据。",
  noWebgl: "此浏览器不支持地图所需的 WebGL 2。请开启硬件加速或换用其他浏览器。下方仍可读取单点数值。",
  nothing: "本产品不含此页面可显示的要素。",
  units: "产品的时间单位无法识别：{units}。",
  unknown: "出现错误：{what}",
  retry: "重试",
};

const WORDS: Record<Language, Record<MessageKey, string>> = { en: EN, zh: ZH };

/** A line in a language, with its {names} filled in. */
export function say(language: Language, key: MessageKey, values: Readonly<Record<string, string | number>> = {}): string {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Whether there is a line of that name: names of sources and verdicts come from files. */
export function isKey(text: string): text is MessageKey {
  return Object.hasOwn(EN, text);
}

const REMEMBERED = "finescale.language";

/** What was chosen last, or what the browser prefers. */
export function preferredLanguage(): Language {
  try {
    const kept = localStorage.getItem(REMEMBERED);
    if (kept === "en" || kept === "zh") return kept;
  } catch {
    // storage may be switched off
  }
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function rememberLanguage(language: Language): void {
  try {
    localStorage.setItem(REMEMBERED, language);
  } catch {
    // then it lasts as long as the address
  }
}
