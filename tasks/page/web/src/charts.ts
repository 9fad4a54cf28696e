/** What is drawn of a place: read when a place is first asked for, so that the map comes before it. */

export { Chart } from "./chart";
export { Meteogram } from "./meteogram";
